/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtimes.c - the only place where a command comes from.
 *
 * The daemon, which parses what strangers send, names a runtime by id. What is
 * run then was decided by whoever started us: the keeper renders the
 * configuration's runtime map into --runtime options, and they are read before
 * the first message. Each entry is checked here, once. How a runtime can be had
 * faster than by exec, as a spare or from a zygote, is a column of the same
 * table.
 */
#include "launcher/runtimes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "launcher/proto.h"

enum { COMMAND_PATH_MAX = 256 };

struct runtimes {
    size_t n;
    struct runtime all[RUNTIMES_MAX];
    char path[COMMAND_PATH_MAX];        /* of the last answer */
    char *answer[RUNTIME_ARGS_MAX + 1]; /* the last answer */
};

/* What is known about a runtime apart from its command, which the configuration
 * may replace. */
static const struct {
    const char *line;
    bool spare;             /* its program can start before the code is there */
    uint32_t spares_max;    /* kept ready at once, after a burst */
    const char *zygote;     /* command; {program} is the program of `line` */
    const char *zygote_has; /* below the runtimes directory; without it there is
                             no zygote */
} builtin[] = {
        {.line = "native={code}/bootstrap"},
        {.line = "python=/usr/bin/python3 -E -s -u -B /rt/python/bootstrap.py",
         .spare = true,
         .spares_max = 8,
         .zygote = "{program} -E -s -u -B /rt/python/zygote.py",
         .zygote_has = "python/zygote.py"},
        {.line = "node=/usr/bin/node --v8-pool-size=1 --max-semi-space-size=4 "
                 "/rt/node/bootstrap.js",
         .spare = true,
         .spares_max = 3},
};

static const char code_mark[] = "{code}", program_mark[] = "{program}";

static void runtime_done(struct runtime *rt)
{
    free(rt->id);
    free(rt->text);
    free(rt->zygote_text);
    *rt = (struct runtime){0};
}

struct runtimes *runtimes_free(struct runtimes *rs)
{
    if (!rs)
        return NULL;
    for (size_t i = 0; i < rs->n; i++)
        runtime_done(&rs->all[i]);
    free(rs);
    return NULL;
}

static bool id_ok(struct str id)
{
    if (id.n == 0 || id.n >= LAUNCH_RUNTIME_ID)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '.' && c != '-' && c != '_')
            return false;
    }
    return true;
}

static struct runtime *find(struct runtimes *rs, struct str id)
{
    for (size_t i = 0; i < rs->n; i++) {
        if (str_eq(str_of(rs->all[i].id), id))
            return &rs->all[i];
    }
    return NULL;
}

/* Cut text at its spaces, in place. */
static int split(const char *id, char *text, char *args[RUNTIME_ARGS_MAX + 1], struct err *e)
{
    size_t n = 0;

    for (char *p = text; p;) {
        char *space = strchr(p, ' ');

        if (space)
            *space = '\0';
        if (*p == '\0')
            return err_set(e, ERR_CALLER, -EINVAL, "runtime '%s': empty argument", id);
        if (n == RUNTIME_ARGS_MAX)
            return err_set(e, ERR_LIMIT, -E2BIG, "runtime '%s': more than %d arguments", id,
                           RUNTIME_ARGS_MAX);
        args[n++] = p;
        p = space ? space + 1 : NULL;
    }
    assert(n > 0); /* even an empty text has one, empty, argument */
    args[n] = NULL;
    if (strlen(args[0]) > COMMAND_PATH_MAX / 2)
        return err_set(e, ERR_LIMIT, -ENAMETOOLONG, "runtime '%s': command path too long", id);
    return 0;
}

/* "id=command arg ..."; ret_args point into ret_text, and there is at least one. */
static int cut_line(struct str line, char **ret_id, char **ret_text,
                    char *ret_args[RUNTIME_ARGS_MAX + 1], struct err *e)
{
    struct str rest = line, id = str_cut(&rest, '=');

    if (!rest.p || !id_ok(id))
        return err_set(e, ERR_CALLER, -EINVAL, "runtime '%.*s': not of the form id=command",
                       STR_ARG(line));
    *ret_id = str_dup(id);
    *ret_text = str_dup(rest);
    return split(*ret_id, *ret_text, ret_args, e);
}

int runtimes_add(struct runtimes *rs, struct str line, struct err *e)
{
    cleanup_free char *id = NULL;
    cleanup_free char *text = NULL;
    char *args[RUNTIME_ARGS_MAX + 1] = {NULL};
    struct runtime *rt;
    int r = cut_line(line, &id, &text, args, e);

    if (r < 0)
        return r;
    assert(args[0]);
    if (args[0][0] != '/' && !str_starts(str_of(args[0]), str_of(code_mark)))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "runtime '%s': '%s' is neither an absolute path nor begins with {code}", id,
                       args[0]);

    rt = find(rs, str_of(id));
    if (!rt && rs->n == RUNTIMES_MAX)
        return err_set(e, ERR_LIMIT, -ENOSPC, "more than %d runtimes", RUNTIMES_MAX);
    if (!rt) {
        rt = &rs->all[rs->n];
        *rt = (struct runtime){.id = TAKE_PTR(id), .index = (uint32_t)rs->n++};
    }
    free(rt->text);
    rt->text = TAKE_PTR(text);
    memcpy(rt->args, args, sizeof rt->args);
    return 0;
}

int runtimes_set_zygote(struct runtimes *rs, struct str line, struct err *e)
{
    cleanup_free char *id = NULL;
    cleanup_free char *text = NULL;
    char *args[RUNTIME_ARGS_MAX + 1] = {NULL};
    struct runtime *rt;
    int r = cut_line(line, &id, &text, args, e);

    if (r < 0)
        return r;
    assert(args[0]);
    rt = find(rs, str_of(id));
    if (!rt)
        return err_set(e, ERR_CALLER, -ENOENT, "zygote of runtime '%s', which is not there", id);
    if (args[0][0] != '/' && strcmp(args[0], program_mark) != 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "zygote of runtime '%s': '%s' is neither an absolute path "
                       "nor {program}",
                       id, args[0]);
    free(rt->zygote_text);
    rt->zygote_text = TAKE_PTR(text);
    rt->zygote_has = NULL;
    memcpy(rt->zygote, args, sizeof rt->zygote);
    return 0;
}

int runtimes_set_spares(struct runtimes *rs, struct str id, uint32_t max, struct err *e)
{
    struct runtime *rt = find(rs, id);

    if (!rt)
        return err_set(e, ERR_CALLER, -ENOENT, "spares of runtime '%.*s', which is not there",
                       STR_ARG(id));
    rt->spare = true;
    rt->spares_max = max;
    return 0;
}

struct runtimes *runtimes_new(void)
{
    struct runtimes *rs = xnew(struct runtimes);

    for (size_t i = 0; i < ARRAY_LEN(builtin); i++) {
        struct runtime *rt = &rs->all[i];
        int r = runtimes_add(rs, str_of(builtin[i].line), NULL);

        assert(r == 0);
        rt->spare = builtin[i].spare;
        rt->spares_max = builtin[i].spares_max;
        rt->zygote_has = builtin[i].zygote_has;
        if (!builtin[i].zygote)
            continue;
        rt->zygote_text = xstrdup(builtin[i].zygote);
        r = split(rt->id, rt->zygote_text, rt->zygote, NULL);
        assert(r == 0);
        (void)r;
    }
    return rs;
}

void runtimes_look(struct runtimes *rs, int dir)
{
    for (size_t i = 0; i < rs->n; i++) {
        struct runtime *rt = &rs->all[i];

        if (rt->zygote_has && faccessat(dir, rt->zygote_has, R_OK, 0) < 0)
            rt->zygote[0] = NULL;
    }
}

const struct runtime *runtimes_find(struct runtimes *rs, const char *id)
{
    return find(rs, str_of(id));
}

size_t runtimes_count(const struct runtimes *rs)
{
    return rs->n;
}

const struct runtime *runtimes_at(const struct runtimes *rs, size_t i)
{
    return &rs->all[i];
}

char *const *runtimes_command(struct runtimes *rs, const struct runtime *rt, const char *code_at)
{
    struct str mark = str_of(code_mark);

    memcpy(rs->answer, rt->args, sizeof rs->answer);
    if (str_starts(str_of(rt->args[0]), mark)) {
        snprintf(rs->path, sizeof rs->path, "%s%s", code_at, rt->args[0] + mark.n);
        rs->answer[0] = rs->path;
    }
    return rs->answer;
}

char *const *runtimes_zygote(struct runtimes *rs, const struct runtime *rt)
{
    if (!rt->zygote[0])
        return NULL;
    memcpy(rs->answer, rt->zygote, sizeof rs->answer);
    if (strcmp(rt->zygote[0], program_mark) == 0)
        rs->answer[0] = rt->args[0];
    return rs->answer;
}
