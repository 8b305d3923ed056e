/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.c - manifests and configuration, read into the same tree as JSON.
 *
 * We take the part of YAML that people write and can predict: maps, lists, scalars. Aliases can
 * blow a kilobyte up to a gigabyte, tags change meaning from afar, a key given twice hides one of
 * its values; all three are refused with their place. So is what our tree cannot hold exactly: an
 * account number written without quotes would come back rounded, so an integer beyond 2^53 asks
 * for quotes instead.
 *
 * libyaml gives a stream of events; the open collections are a stack of fixed depth, so a hostile
 * text cannot make us recurse. Each open map has a set of its keys: looking for duplicates by
 * walking the tree would be quadratic.
 *
 * Source: YAML 1.2.2, chapter 10.3 (core schema), without the tags.
 */
#include "base/yaml.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/map.h"
#include "base/utf8.h"

enum { DEPTH_MAX = 32, TEXT_MAX = 1024 * 1024 };

struct level {
    struct cJSON *node; /* borrowed from the tree */
    struct map *keys;   /* owned; NULL in a sequence */
    char *key;          /* owned; the key whose value comes next */
};

struct build {
    struct cJSON *root; /* owned until success */
    struct level levels[DEPTH_MAX];
    size_t depth;
    bool ended;             /* the first document is complete */
    struct yaml_keys *keys; /* borrowed; NULL: nobody wants them */
    struct err *e;
};

static int refuse(struct build *b, yaml_mark_t at, const char *why)
{
    return err_set(b->e, ERR_CALLER, -EINVAL, "line %zu, column %zu: %s", at.line + 1,
                   at.column + 1, why);
}

/* What libyaml itself found wrong. Its reader knows only a byte offset, its other parts a mark. */
static int refuse_syntax(struct build *b, const yaml_parser_t *parser, struct str text)
{
    const char *problem = parser->problem ? parser->problem : "not YAML";
    size_t line = parser->problem_mark.line + 1, column = parser->problem_mark.column + 1;

    if (parser->error == YAML_MEMORY_ERROR)
        return err_set(b->e, ERR_HOST, -ENOMEM, "no memory for the YAML text");
    if (parser->error == YAML_READER_ERROR)
        utf8_place(text, parser->problem_offset, &line, &column);
    return err_set(b->e, ERR_CALLER, -EINVAL, "line %zu, column %zu: %s%s%s", line, column, problem,
                   parser->context ? " " : "", parser->context ? parser->context : "");
}

static bool one_of(struct str s, const char *const words[4])
{
    for (size_t i = 0; i < 4 && words[i]; i++)
        if (str_eq(s, str_of(words[i])))
            return true;
    return false;
}

static size_t count_digits(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
        n++;
    return n;
}

enum number { NOT_A_NUMBER, INTEGER, FLOAT, UNHOLDABLE };

/* Hexadecimal and octal have no sign in the core schema. */
static enum number based_integer(struct str s, unsigned shift, double *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return NOT_A_NUMBER;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        unsigned d = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                     : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                     : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
                                            : 16;

        if (d >= 1u << shift)
            return NOT_A_NUMBER;
        v = v >> 59 ? UINT64_MAX >> 4 : v << shift | d; /* saturates far above 2^53 */
    }
    *ret = (double)v;
    return INTEGER;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?  and  [-+]? [0-9]+ */
static enum number decimal(struct str s, double *ret)
{
    struct str rest = s.n && (s.p[0] == '-' || s.p[0] == '+') ? str_from(s, 1) : s;
    size_t whole = count_digits(rest), fraction = 0;
    enum number kind = INTEGER;
    cleanup_free char *text = NULL;

    if (str_eq(rest, S(".inf")) || str_eq(rest, S(".Inf")) || str_eq(rest, S(".INF")))
        return UNHOLDABLE;
    rest = str_from(rest, whole);
    if (rest.n && rest.p[0] == '.') {
        kind = FLOAT;
        fraction = count_digits(str_from(rest, 1));
        rest = str_from(rest, 1 + fraction);
    }
    if (whole + fraction == 0)
        return NOT_A_NUMBER;
    if (rest.n && (rest.p[0] == 'e' || rest.p[0] == 'E')) {
        kind = FLOAT;
        rest = str_from(rest, 1);
        if (rest.n && (rest.p[0] == '-' || rest.p[0] == '+'))
            rest = str_from(rest, 1);
        if (count_digits(rest) == 0)
            return NOT_A_NUMBER;
        rest = str_from(rest, count_digits(rest));
    }
    if (rest.n)
        return NOT_A_NUMBER;
    text = str_dup(s);
    *ret = strtod(text, NULL);
    return isfinite(*ret) ? kind : UNHOLDABLE;
}

static enum number number(struct str s, double *ret)
{
    enum number kind;

    if (str_eq(s, S(".nan")) || str_eq(s, S(".NaN")) || str_eq(s, S(".NAN")))
        return UNHOLDABLE;
    if (str_starts(s, S("0x")))
        kind = based_integer(str_from(s, 2), 4, ret);
    else if (str_starts(s, S("0o")))
        kind = based_integer(str_from(s, 2), 3, ret);
    else
        kind = decimal(s, ret);
    if (kind == INTEGER && fabs(*ret) > 9007199254740992.0)
        kind = UNHOLDABLE;
    return kind;
}

/* Plain text to a value by the core schema. */
static int plain_scalar(struct build *b, struct str s, yaml_mark_t at, struct cJSON **ret)
{
    double v;

    if (s.n == 0 || one_of(s, (const char *const[4]){"~", "null", "Null", "NULL"})) {
        *ret = cJSON_CreateNull();
        return 0;
    }
    if (one_of(s, (const char *const[4]){"true", "True", "TRUE"})) {
        *ret = cJSON_CreateTrue();
        return 0;
    }
    if (one_of(s, (const char *const[4]){"false", "False", "FALSE"})) {
        *ret = cJSON_CreateFalse();
        return 0;
    }
    switch (number(s, &v)) {
    case NOT_A_NUMBER:
        *ret = cJSON_CreateString(s.p);
        return 0;
    case INTEGER:
    case FLOAT:
        *ret = cJSON_CreateNumber(v);
        return 0;
    case UNHOLDABLE:
        break;
    }
    return refuse(b, at, "this number cannot be kept exactly; put it in quotes to keep it as text");
}

/* Hang a finished or just opened value (taken) where it belongs. */
static int attach(struct build *b, struct cJSON *node)
{
    struct level *l = b->depth ? &b->levels[b->depth - 1] : NULL;
    bool hung = node;

    if (!node)
        return err_set(b->e, ERR_HOST, -ENOMEM, "no memory for the YAML tree");
    if (!l)
        b->root = node;
    else if (l->keys)
        hung = cJSON_AddItemToObject(l->node, l->key, node);
    else
        hung = cJSON_AddItemToArray(l->node, node);
    if (l && l->keys) {
        free(l->key);
        l->key = NULL;
    }
    if (hung && b->depth == 1 && l->keys && b->keys)
        b->keys->list[b->keys->n - 1].value = node;
    if (hung)
        return 0;
    cJSON_Delete(node);
    return err_set(b->e, ERR_HOST, -ENOMEM, "no memory for the YAML tree");
}

static bool wants_key(const struct build *b)
{
    const struct level *l = b->depth ? &b->levels[b->depth - 1] : NULL;

    return l && l->keys && !l->key;
}

/* A key of the outermost map; l->key is not yet this one. */
static void keep_place(struct build *b, struct str s, yaml_mark_t at, bool twice)
{
    struct yaml_keys *k = b->keys;
    struct yaml_key key = {.line = at.line + 1};

    for (size_t i = 0; twice && key.first_line == 0; i++)
        if (str_eq(s, str_of(k->list[i].value->string)))
            key.first_line = k->list[i].line;
    if ((k->n & (k->n - 1)) == 0)
        k->list = xrealloc(k->list, k->n ? k->n * 2 : 1, sizeof(*k->list));
    k->list[k->n++] = key;
}

static int on_key(struct build *b, struct str s, yaml_mark_t at)
{
    struct level *l = &b->levels[b->depth - 1];
    bool twice = map_put(l->keys, s, l) != NULL;

    if (b->depth == 1 && b->keys)
        keep_place(b, s, at, twice);
    else if (twice)
        return err_set(b->e, ERR_CALLER, -EINVAL, "line %zu, column %zu: key '%.*s' is given twice",
                       at.line + 1, at.column + 1, (int)(s.n < 64 ? s.n : 64), s.p);
    l->key = str_dup(s);
    return 0;
}

static int on_scalar(struct build *b, const yaml_event_t *event)
{
    struct str s = {(const char *)event->data.scalar.value, event->data.scalar.length};
    struct cJSON *node = NULL;
    int r = 0;

    if (event->data.scalar.anchor)
        return refuse(b, event->start_mark, "anchors and aliases are not allowed here");
    if (event->data.scalar.tag)
        return refuse(b, event->start_mark, "tags are not allowed here");
    if (str_has(s, '\0'))
        return refuse(b, event->start_mark, "text with a NUL character is not allowed here");
    if (wants_key(b))
        return on_key(b, s, event->start_mark);

    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
        r = plain_scalar(b, s, event->start_mark, &node);
    else
        node = cJSON_CreateString(s.p); /* libyaml terminates it */
    return r < 0 ? r : attach(b, node);
}

static int on_open(struct build *b, yaml_mark_t at, const void *anchor, const void *tag,
                   bool is_map)
{
    struct cJSON *node;
    int r;

    if (anchor)
        return refuse(b, at, "anchors and aliases are not allowed here");
    if (tag)
        return refuse(b, at, "tags are not allowed here");
    if (wants_key(b))
        return refuse(b, at, "a key must be a scalar");
    if (b->depth == DEPTH_MAX)
        return refuse(b, at, "nested deeper than 32 levels");

    node = is_map ? cJSON_CreateObject() : cJSON_CreateArray();
    r = attach(b, node);
    if (r < 0)
        return r;
    b->levels[b->depth++] = (struct level){.node = node, .keys = is_map ? map_new() : NULL};
    return 0;
}

static void on_close(struct build *b)
{
    struct level *l = &b->levels[--b->depth];

    free(l->key);
    *l = (struct level){.keys = map_free(l->keys)};
}

/* One event into the tree. `type` of libyaml has no value we do not name here. */
static int on_event(struct build *b, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_ALIAS_EVENT:
        return refuse(b, event->start_mark, "anchors and aliases are not allowed here");
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, event->start_mark, event->data.sequence_start.anchor,
                       event->data.sequence_start.tag, false);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, event->start_mark, event->data.mapping_start.anchor,
                       event->data.mapping_start.tag, true);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_close(b);
        return 0;
    case YAML_DOCUMENT_START_EVENT:
        return b->ended ? refuse(b, event->start_mark, "only one document is allowed here") : 0;
    case YAML_DOCUMENT_END_EVENT:
        b->ended = true;
        return 0;
    case YAML_STREAM_END_EVENT:
        return b->ended ? 0 : refuse(b, event->start_mark, "the document is empty");
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
        return 0;
    }
    return 0;
}

static int build_tree(struct build *b, yaml_parser_t *parser, struct str text)
{
    yaml_event_t event;
    bool last = false;
    int r = 0;

    while (r == 0 && !last) {
        if (!yaml_parser_parse(parser, &event))
            return refuse_syntax(b, parser, text);
        r = on_event(b, &event);
        last = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    return r;
}

static struct cJSON *parse(struct str text, struct yaml_keys *keys, struct err *e)
{
    struct build b = {.keys = keys, .e = e};
    yaml_parser_t parser;
    int r;

    if (text.n > TEXT_MAX) {
        (void)err_set(e, ERR_LIMIT, -EMSGSIZE, "the text is larger than 1 MiB");
        return NULL;
    }
    if (!yaml_parser_initialize(&parser)) {
        (void)err_set(e, ERR_HOST, -ENOMEM, "no memory for the YAML text");
        return NULL;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    r = build_tree(&b, &parser, text);
    yaml_parser_delete(&parser);
    while (b.depth > 0)
        on_close(&b);
    if (r < 0) {
        cJSON_Delete(b.root);
        return NULL;
    }
    return b.root;
}

struct cJSON *yaml_parse(struct str text, struct err *e)
{
    return parse(text, NULL, e);
}

struct cJSON *yaml_parse_keys(struct str text, struct yaml_keys *ret, struct err *e)
{
    struct yaml_keys keys = {0};
    struct cJSON *tree = parse(text, &keys, e);

    if (!tree)
        yaml_keys_done(&keys);
    *ret = keys;
    return tree;
}

void yaml_keys_done(struct yaml_keys *k)
{
    free(k->list);
    *k = (struct yaml_keys){0};
}
