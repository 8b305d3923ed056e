/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_words.c - a command line, words cut at NUL. What is refused is refused with a sentence; what
 * is taken is within the limits of its row; what the tab key offers goes on with what is typed.
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/complete.h"
#include "fuzz.h"

enum { WORDS = 40, MAX_INPUT = 4096, MAX_TEXT = 1 << 20 };

static void no_functions(void *user, struct buf *out)
{
    (void)user;
    buf_addz(out, "hello\nshop/report\n");
}

static void check_given(const struct args *a)
{
    for (size_t i = 0; i < a->ngiven; i++) {
        const struct given *g = &a->given[i];

        holds((g->text != NULL) == (g->option->kind != OPTION_FLAG));
        if (g->option->kind == OPTION_INT || g->option->kind == OPTION_DURATION)
            holds(g->number >= g->option->min && g->number <= g->option->max);
    }
}

static void check_parse(char **words, int n)
{
    struct option_table tables[COMMAND_TABLES];
    static struct args args;
    const struct command *cmd;
    struct err e = {0};
    bool family;
    int used;

    cmd = command_find(n, words, &used, &family);
    if (!cmd)
        return;
    if (args_parse(tables, command_options(cmd, tables), n - used + 1, words + used - 1, &args,
                   &e) < 0)
        holds(e.code == -EINVAL && e.msg[0]);
    else
        check_given(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char text[MAX_INPUT + 1];
    char *words[WORDS + 1] = {NULL};
    struct buf out;
    int count = 0;

    if (n > MAX_INPUT)
        return 0;
    command_serve_init();
    memcpy(text, data, n);
    text[n] = 0;
    for (char *p = text; p <= text + n && count < WORDS; p += strlen(p) + 1)
        words[count++] = p;
    check_parse(words, count);
    buf_init(&out, MAX_TEXT);
    complete_words((const char *const *)words, (size_t)count, no_functions, NULL, &out);
    holds(buf_ok(&out) && (strncmp(out.p, "words\n", 6) == 0 || strncmp(out.p, "files\n", 6) == 0 ||
                           strncmp(out.p, "dirs\n", 5) == 0));
    buf_done(&out);
    return 0;
}
