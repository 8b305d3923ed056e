/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtimes.c - the only place where a command comes from.
 *
 * The daemon, which parses what strangers send, names a runtime by id. What is run then was decided
 * by whoever started us: the keeper renders the configuration's runtime map into --runtime options,
 * and they are read before the first message. Each entry is checked here, once.
 */
#include "launcher/runtimes.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/err.h"
#include "launcher/proto.h"

enum { COMMAND_PATH_MAX = 256 };

struct runtime {
    char *id;                         /* owned */
    char *text;                       /* owned; args point into it */
    char *args[RUNTIME_ARGS_MAX + 1]; /* borrowed from text, NULL at the end */
};

struct runtimes {
    size_t n;
    struct runtime all[RUNTIMES_MAX];
    char path[COMMAND_PATH_MAX];        /* of the last answer */
    char *answer[RUNTIME_ARGS_MAX + 1]; /* the last answer */
};

static const char *const builtin[] = {
        "native={code}/bootstrap",
        "python=/usr/bin/python3 -E -s -u -B /rt/python/bootstrap.py",
        "node=/usr/bin/node /rt/node/bootstrap.js",
};

static const char code_mark[] = "{code}";

static void runtime_done(struct runtime *rt)
{
    free(rt->id);
    free(rt->text);
    *rt = (struct runtime){0};
}

struct runtimes *runtimes_new(void)
{
    struct runtimes *rs = xnew(struct runtimes);

    for (size_t i = 0; i < sizeof builtin / sizeof builtin[0]; i++) {
        int r = runtimes_add(rs, str_of(builtin[i]), NULL);

        assert(r == 0);
        (void)r;
    }
    return rs;
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
static int split(struct runtime *rt, struct err *e)
{
    size_t n = 0;

    for (char *p = rt->text; p;) {
        char *space = strchr(p, ' ');

        if (space)
            *space = '\0';
        if (*p == '\0')
            return err_set(e, ERR_CALLER, -EINVAL, "runtime '%s': empty argument", rt->id);
        if (n == RUNTIME_ARGS_MAX)
            return err_set(e, ERR_LIMIT, -E2BIG, "runtime '%s': more than %d arguments", rt->id,
                           RUNTIME_ARGS_MAX);
        rt->args[n++] = p;
        p = space ? space + 1 : NULL;
    }

    assert(n > 0); /* even an empty text has one, empty, argument */
    if (rt->args[0][0] != '/' && !str_starts(str_of(rt->args[0]), str_of(code_mark)))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "runtime '%s': '%s' is neither an absolute path nor begins with {code}",
                       rt->id, rt->args[0]);
    if (strlen(rt->args[0]) > COMMAND_PATH_MAX / 2)
        return err_set(e, ERR_LIMIT, -ENAMETOOLONG, "runtime '%s': command path too long", rt->id);
    return 0;
}

int runtimes_add(struct runtimes *rs, struct str line, struct err *e)
{
    struct str rest = line, id = str_cut(&rest, '=');
    struct runtime rt = {0}, *old;
    int r;

    if (!rest.p || !id_ok(id))
        return err_set(e, ERR_CALLER, -EINVAL, "runtime '%.*s': not of the form id=command",
                       STR_ARG(line));
    rt.id = str_dup(id);
    rt.text = str_dup(rest);
    r = split(&rt, e);
    old = find(rs, id);
    if (r >= 0 && !old && rs->n == RUNTIMES_MAX)
        r = err_set(e, ERR_LIMIT, -ENOSPC, "more than %d runtimes", RUNTIMES_MAX);
    if (r < 0) {
        runtime_done(&rt);
        return r;
    }

    if (old)
        runtime_done(old);
    else
        old = &rs->all[rs->n++];
    *old = rt;
    return 0;
}

char *const *runtimes_command(struct runtimes *rs, const char *id, const char *code_at)
{
    struct runtime *rt = find(rs, str_of(id));
    struct str mark = str_of(code_mark);

    if (!rt)
        return NULL;
    memcpy(rs->answer, rt->args, sizeof rs->answer);
    if (str_starts(str_of(rt->args[0]), mark)) {
        snprintf(rs->path, sizeof rs->path, "%s%s", code_at, rt->args[0] + mark.n);
        rs->answer[0] = rs->path;
    }
    return rs->answer;
}
