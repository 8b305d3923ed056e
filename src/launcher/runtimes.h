/* SPDX-License-Identifier: Apache-2.0 */
/* runtimes.h - runtime ids and the commands they stand for. */
#ifndef EVOKE_LAUNCHER_RUNTIMES_H
#define EVOKE_LAUNCHER_RUNTIMES_H

#include "base/str.h"

struct err;
struct runtimes; /* opaque; filled before the first message is taken, constant after that */

enum { RUNTIMES_MAX = 64, RUNTIME_ARGS_MAX = 16 };

/* With the built-in entries: native, python with /usr/bin/python3, node with /usr/bin/node. */
struct runtimes *runtimes_new(void);
struct runtimes *runtimes_free(struct runtimes *rs);

/*
 * Add or replace one entry.
 *
 * line  "id=command arg arg": parts are separated by single spaces, there is no quoting. The
 * command is an absolute path inside the sandbox, or begins with "{code}", where the code is
 * mounted.
 */
int runtimes_add(struct runtimes *rs, struct str line, struct err *e);

/*
 * The command of a runtime, with {code} filled in. Pointers are valid until the next call.
 * NULL when there is no such runtime.
 */
char *const *runtimes_command(struct runtimes *rs, const char *id, const char *code_at);

#endif
