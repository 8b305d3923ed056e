/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - walks the words after a command. */
#include "cli/args.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/nearest.h"
#include "base/obj.h"
#include "base/str.h"

struct walk {
    const struct option_table *tables; /* borrowed */
    size_t ntables;
    int argc, i; /* argv[i] is being read */
    char **argv;
    struct args *out;
};

static const struct {
    const char *suffix;
    int64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {"", 1000}};

enum { UNITS_PRINTED = 5 };

int duration_parse(const char *text, int64_t *ret_ms)
{
    size_t digits = strspn(text, "0123456789");
    int64_t number;
    int r = str_i64((struct str){text, digits}, 0, INT64_MAX, &number);

    if (digits == 0)
        return -EINVAL;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(text + digits, units[i].suffix) == 0) {
            if (r < 0 || number > INT64_MAX / units[i].ms)
                return -ERANGE;
            *ret_ms = number * units[i].ms;
            return 0;
        }
    return -EINVAL;
}

void duration_print(int64_t ms, struct buf *out)
{
    for (size_t i = 0; i < UNITS_PRINTED; i++)
        if (ms % units[i].ms == 0 && (ms >= units[i].ms || units[i].ms == 1000)) {
            buf_addf(out, "%lld%s", (long long)(ms / units[i].ms), units[i].suffix);
            return;
        }
}

static const struct option *find(const struct walk *w, const char *name, size_t n)
{
    for (size_t t = 0; t < w->ntables; t++)
        for (size_t i = 0; i < w->tables[t].n; i++) {
            const char *known = w->tables[t].rows[i].name;

            if (strlen(known) == n && memcmp(known, name, n) == 0)
                return &w->tables[t].rows[i];
        }
    return NULL;
}

static const struct option *find_letter(const struct walk *w, char letter)
{
    for (size_t t = 0; t < w->ntables; t++)
        for (size_t i = 0; i < w->tables[t].n; i++)
            if (w->tables[t].rows[i].letter == letter)
                return &w->tables[t].rows[i];
    return NULL;
}

static int fail_unknown(const struct walk *w, const char *name, size_t n, struct err *e)
{
    cleanup_with(buf_done) struct buf word;
    struct nearest best = {0};

    buf_init(&word, 64);
    buf_add(&word, name, n);
    for (size_t t = 0; buf_ok(&word) && t < w->ntables; t++)
        for (size_t i = 0; i < w->tables[t].n; i++)
            nearest_try(&best, word.p, w->tables[t].rows[i].name);
    return err_set(e, ERR_CALLER, -EINVAL, "unknown option '--%.*s'%s%s%s", (int)(n < 64 ? n : 64),
                   name, best.name ? "; did you mean '--" : "", best.name ? best.name : "",
                   best.name ? "'?" : "");
}

static int check_text(const struct option *o, const char *text, struct err *e)
{
    size_t n = strlen(text);

    if (n >= (size_t)o->min && (o->max == 0 || n <= (size_t)o->max))
        return 0;
    if (n == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "--%s must not be empty", o->name);
    return err_set(e, ERR_CALLER, -EINVAL, "--%s: %zu bytes, allowed are %lld to %lld", o->name, n,
                   (long long)o->min, (long long)o->max);
}

static int check_int(const struct option *o, const char *text, int64_t *ret, struct err *e)
{
    int r = str_i64(str_of(text), o->min, o->max, ret);

    if (r == -ERANGE)
        return err_set(e, ERR_CALLER, -EINVAL, "--%s: %.64s is outside %lld to %lld", o->name, text,
                       (long long)o->min, (long long)o->max);
    if (r < 0)
        return err_set(e, ERR_CALLER, -EINVAL, "--%s: '%.64s' is not a whole number", o->name,
                       text);
    return 0;
}

static int check_duration(const struct option *o, const char *text, int64_t *ret, struct err *e)
{
    cleanup_with(buf_done) struct buf range;
    int r = duration_parse(text, ret);

    buf_init(&range, 64);
    if (r == -EINVAL)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "--%s: '%.64s' is not a duration such as 500ms, 10s, 5m, 2h or 7d", o->name,
                       text);
    if (r >= 0 && *ret >= o->min && *ret <= o->max)
        return 0;
    duration_print(o->min, &range);
    buf_addz(&range, " to ");
    duration_print(o->max, &range);
    return err_set(e, ERR_CALLER, -EINVAL, "--%s: %.64s is outside %s", o->name, text, range.p);
}

static int check_choice(const struct option *o, const char *text, int64_t *ret, struct err *e)
{
    cleanup_with(buf_done) struct buf all;

    buf_init(&all, 160);
    for (int64_t i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            *ret = i;
            return 0;
        }
        buf_addf(&all, "%s%s", i == 0 ? "" : o->choices[i + 1] ? ", " : " or ", o->choices[i]);
    }
    return err_set(e, ERR_CALLER, -EINVAL, "--%s is %s, not '%.32s'", o->name, all.p, text);
}

static int check(const struct option *o, const char *text, int64_t *ret, struct err *e)
{
    assert(text || o->kind == OPTION_FLAG);
    switch (o->kind) {
    case OPTION_FLAG:
        return 0;
    case OPTION_TEXT:
        return check_text(o, text, e);
    case OPTION_INT:
        return check_int(o, text, ret, e);
    case OPTION_DURATION:
        return check_duration(o, text, ret, e);
    case OPTION_CHOICE:
        return check_choice(o, text, ret, e);
    }
    assert(!"every kind of option is handled");
    return -EINVAL;
}

static int keep(struct walk *w, const struct option *o, const char *text, struct err *e)
{
    struct args *a = w->out;
    struct given *g = &a->given[a->ngiven];
    int r;

    if (!o->repeats && args_has(a, o->name))
        return err_set(e, ERR_CALLER, -EINVAL, "--%s is given twice", o->name);
    if (a->ngiven == ARGS_OPTIONS)
        return err_set(e, ERR_CALLER, -EINVAL, "more than %d options", ARGS_OPTIONS);
    *g = (struct given){.option = o, .text = text};
    r = check(o, text, &g->number, e);
    if (r < 0)
        return r;
    a->ngiven++;
    return 0;
}

/* The word behind the option at hand. One that begins like an option is none: whoever forgets a
 * value should hear of it; "--name=--value" is there for the others. */
static int next_value(struct walk *w, const struct option *o, const char **ret, struct err *e)
{
    const char *next = w->i + 1 < w->argc ? w->argv[w->i + 1] : NULL;

    if (!next || strncmp(next, "--", 2) == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "--%s needs a value (%s)", o->name, o->arg);
    w->i++;
    *ret = next;
    return 0;
}

static int take_long(struct walk *w, const char *name, struct err *e)
{
    const char *equals = strchr(name, '='), *value = equals ? equals + 1 : NULL;
    size_t n = equals ? (size_t)(equals - name) : strlen(name);
    const struct option *o = find(w, name, n);
    int r;

    if (!o)
        return fail_unknown(w, name, n, e);
    if (o->kind == OPTION_FLAG && equals)
        return err_set(e, ERR_CALLER, -EINVAL, "--%s takes no value", o->name);
    if (o->kind != OPTION_FLAG && !equals) {
        r = next_value(w, o, &value, e);
        if (r < 0)
            return r;
    }
    return keep(w, o, value, e);
}

/* "-f", "-fn5", "-n 5" */
static int take_letters(struct walk *w, const char *letters, struct err *e)
{
    for (; *letters; letters++) {
        const struct option *o = find_letter(w, *letters);
        const char *value = NULL;
        int r = 0;

        if (!o)
            return err_set(e, ERR_CALLER, -EINVAL, "unknown option '-%c'", *letters);
        if (o->kind != OPTION_FLAG && letters[1])
            value = letters + 1;
        else if (o->kind != OPTION_FLAG)
            r = next_value(w, o, &value, e);
        if (r >= 0)
            r = keep(w, o, value, e);
        if (r < 0 || value)
            return r;
    }
    return 0;
}

int args_parse(const struct option_table *tables, size_t ntables, int argc, char **argv,
               struct args *ret, struct err *e)
{
    struct walk w = {.tables = tables, .ntables = ntables, .argc = argc, .argv = argv, .out = ret};
    bool words_only = false;
    int r = 0;

    ret->n = ret->ngiven = 0;
    ret->argc = argc;
    ret->argv = argv;
    for (w.i = 1; r >= 0 && w.i < argc; w.i++) {
        const char *word = argv[w.i];

        if (!words_only && strcmp(word, "--") == 0)
            words_only = true;
        else if (!words_only && strncmp(word, "--", 2) == 0)
            r = take_long(&w, word + 2, e);
        else if (!words_only && word[0] == '-' && word[1])
            r = take_letters(&w, word + 1, e);
        else if (ret->n == ARGS_WORDS)
            r = err_set(e, ERR_CALLER, -EINVAL, "more than %d words", ARGS_WORDS);
        else
            ret->words[ret->n++] = word;
    }
    return r;
}

static const struct given *last_given(const struct args *a, const char *name)
{
    for (size_t i = a->ngiven; i > 0; i--)
        if (strcmp(a->given[i - 1].option->name, name) == 0)
            return &a->given[i - 1];
    return NULL;
}

bool args_has(const struct args *a, const char *name)
{
    return last_given(a, name) != NULL;
}

const char *args_text(const struct args *a, const char *name)
{
    const struct given *g = last_given(a, name);

    return g ? g->text : NULL;
}

int64_t args_number(const struct args *a, const char *name, int64_t otherwise)
{
    const struct given *g = last_given(a, name);

    return g ? g->number : otherwise;
}

const char *args_each(const struct args *a, const char *name, size_t *i)
{
    while (*i < a->ngiven) {
        const struct given *g = &a->given[(*i)++];

        if (strcmp(g->option->name, name) == 0)
            return g->text;
    }
    return NULL;
}
