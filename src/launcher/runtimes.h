/* SPDX-License-Identifier: Apache-2.0 */
/* runtimes.h - runtime ids, the commands they stand for, and how they can be
 * had ahead of time. */
#ifndef EVOKE_LAUNCHER_RUNTIMES_H
#define EVOKE_LAUNCHER_RUNTIMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct err;
struct runtimes; /* opaque; filled before the first message is taken, constant
                    after that */

enum { RUNTIMES_MAX = 64, RUNTIME_ARGS_MAX = 16 };

struct runtime {
    uint32_t index;                     /* below RUNTIMES_MAX */
    char *id;                           /* owned */
    char *text;                         /* owned; args point into it */
    char *args[RUNTIME_ARGS_MAX + 1];   /* borrowed from text, NULL at the end */
    bool spare;                         /* may be started before its code is there */
    uint32_t spares_max;                /* kept ready at once, at most */
    char *zygote_text;                  /* owned */
    const char *zygote_has;             /* below /rt; NULL: no need to look */
    char *zygote[RUNTIME_ARGS_MAX + 1]; /* borrowed from it; [0] is NULL: none */
};

/* With the built-in entries: native, python, node. */
struct runtimes *runtimes_new(void);
struct runtimes *runtimes_free(struct runtimes *rs);

/*
 * Add one entry, or replace the command of one.
 *
 * line  "id=command arg arg": parts are separated by single spaces, there is no
 * quoting. The command is an absolute path inside the sandbox, or begins with
 * "{code}", where the code is mounted.
 */
int runtimes_add(struct runtimes *rs, struct str line, struct err *e);
/* The same for its zygote; the command may be "{program}", the one of the
 * runtime itself. */
int runtimes_set_zygote(struct runtimes *rs, struct str line, struct err *e);
int runtimes_set_spares(struct runtimes *rs, struct str id, uint32_t max, struct err *e);

/* dir is what appears as /rt: built-in zygotes whose program is not there are
 * left out. */
void runtimes_look(struct runtimes *rs, int dir);

const struct runtime *runtimes_find(struct runtimes *rs, const char *id); /* or NULL */
size_t runtimes_count(const struct runtimes *rs);
const struct runtime *runtimes_at(const struct runtimes *rs, size_t i);

/* The command of a runtime, with {code} filled in. Pointers are valid until the
 * next call. */
char *const *runtimes_command(struct runtimes *rs, const struct runtime *rt, const char *code_at);
/* The command of its zygote, or NULL. The same validity. */
char *const *runtimes_zygote(struct runtimes *rs, const struct runtime *rt);

#endif
