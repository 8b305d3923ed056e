/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml_line.c - where something stands that is wrong in another sense than YAML's. The tree of
 * yaml.c has no places, for nearly nobody asks; who does has a text that was parsed, and is about to
 * refuse it, so it is gone through once more.
 */
#include <yaml.h>

#include "base/yaml.h"

enum { DEPTH_MAX = 33 };

struct level {
    bool map, at_value, hit; /* hit: the key that was read last is the path's */
    bool on_path;
};

struct search {
    const char *const *path;
    size_t n;
    struct level levels[DEPTH_MAX];
    size_t depth;
    size_t line;
};

static void open_level(struct search *s, bool map)
{
    const struct level *up = s->depth > 0 ? &s->levels[s->depth - 1] : NULL;
    bool on_path = !up || (up->map && up->at_value && up->hit);

    if (s->depth < DEPTH_MAX)
        s->levels[s->depth++] = (struct level){.map = map, .on_path = on_path};
}

static void value_ended(struct search *s)
{
    if (s->depth > 0)
        s->levels[s->depth - 1].at_value = false;
}

/* True: this is it. */
static bool on_scalar(struct search *s, const yaml_event_t *ev)
{
    struct level *top = s->depth > 0 ? &s->levels[s->depth - 1] : NULL;
    struct str text = {(const char *)ev->data.scalar.value, ev->data.scalar.length};

    if (!top || !top->map || top->at_value) {
        value_ended(s);
        return false;
    }
    top->at_value = true;
    top->hit = top->on_path && s->depth <= s->n && str_eq(text, str_of(s->path[s->depth - 1]));
    if (!top->hit)
        return false;
    s->line = ev->start_mark.line + 1;
    return s->depth == s->n;
}

/* True: no more is needed. */
static bool step(struct search *s, const yaml_event_t *ev)
{
    switch ((int)ev->type) {
    case YAML_MAPPING_START_EVENT:
        open_level(s, true);
        return false;
    case YAML_SEQUENCE_START_EVENT:
        open_level(s, false);
        return false;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        s->depth -= s->depth > 0;
        value_ended(s);
        return false;
    case YAML_SCALAR_EVENT:
        return on_scalar(s, ev);
    default:
        return ev->type == YAML_STREAM_END_EVENT || ev->type == YAML_DOCUMENT_END_EVENT;
    }
}

size_t yaml_line(struct str text, const char *const *path, size_t n)
{
    struct search s = {.path = path, .n = n};
    yaml_parser_t parser;
    bool done = n == 0;

    if (!yaml_parser_initialize(&parser))
        return 0;
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.p, text.n);
    while (!done) {
        yaml_event_t ev;

        if (!yaml_parser_parse(&parser, &ev))
            break;
        done = step(&s, &ev);
        yaml_event_delete(&ev);
    }
    yaml_parser_delete(&parser);
    return s.line;
}
