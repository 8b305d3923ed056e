/* SPDX-License-Identifier: Apache-2.0 */
/* args.c - walks the words after a command. */
#include "cli/args.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"

static const struct arg_option *find(const struct arg_table *tables, size_t ntables,
                                     const char *name, size_t n)
{
    for (size_t t = 0; t < ntables; t++)
        for (size_t i = 0; i < tables[t].n; i++) {
            const char *known = tables[t].options[i].name;

            if (strlen(known) == n && memcmp(known, name, n) == 0)
                return &tables[t].options[i];
        }
    return NULL;
}

/* One option at argv[*i]; *i moves over its value. */
static int take_option(const struct arg_table *tables, size_t ntables, int argc, char **argv,
                       int *i, struct err *e)
{
    const char *word = argv[*i];
    const char *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    const struct arg_option *o = find(tables, ntables, word, n);

    if (!o)
        return err_set(e, ERR_CALLER, -EINVAL, "unknown option '%.*s'", (int)n, word);
    if (!o->value && equals)
        return err_set(e, ERR_CALLER, -EINVAL, "option '%s' takes no value", o->name);
    if (!o->value) {
        *o->flag = true;
        return 0;
    }
    if (!equals && *i + 1 >= argc)
        return err_set(e, ERR_CALLER, -EINVAL, "option '%s' needs a value", o->name);
    *o->value = equals ? equals + 1 : argv[++*i];
    return 0;
}

int args_parse(const struct arg_table *tables, size_t ntables, int argc, char **argv,
               struct args *ret, struct err *e)
{
    bool words_only = false;

    ret->n = 0;
    for (int i = 1; i < argc; i++) {
        int r;

        if (!words_only && strcmp(argv[i], "--") == 0) {
            words_only = true;
        } else if (!words_only && argv[i][0] == '-' && argv[i][1]) {
            r = take_option(tables, ntables, argc, argv, &i, e);
            if (r < 0)
                return r;
        } else if (ret->n == ARGS_WORDS) {
            return err_set(e, ERR_CALLER, -EINVAL, "more than %d words", ARGS_WORDS);
        } else {
            ret->words[ret->n++] = argv[i];
        }
    }
    return 0;
}
