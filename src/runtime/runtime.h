/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.h - which worker runs which language. Every runtime name of the three clouds is a row; a
 * row names the launcher's runtime id ("python", "node", "native"), or says what is missing.
 */
#ifndef EVOKE_RUNTIME_RUNTIME_H
#define EVOKE_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"
#include "fn/key.h"

struct runtime {
    enum dialect dialect;
    const char *name;   /* "Python3.9", as the cloud spells it */
    const char *worker; /* id of a row in workers[], or NULL: no worker in this version */
    const char *source; /* extension of a single source file, ".py"; NULL where there is none */
};

/* How the launcher starts a worker. The runtimes directory is mounted on /rt. */
struct worker_kind {
    const char *id;      /* "python" */
    const char *program; /* default interpreter path on the host, "/usr/bin/python3"; NULL: from the
                            code */
    const char *const *argv; /* as exec'ed inside, argv[0] included; NULL-terminated */
    const char *package;     /* Debian package that brings the interpreter */
};

/* An interpreter that the operator has chosen. In lists that end with a NULL worker. */
struct interpreter {
    const char *worker;  /* id of a worker_kind */
    const char *program; /* borrowed: path on the host */
};

extern const struct runtime runtimes[];
extern const size_t runtimes_n;
extern const struct worker_kind worker_kinds[];
extern const size_t worker_kinds_n;

/* NULL: the cloud has no such runtime. */
const struct runtime *runtime_find(enum dialect dialect, struct str name);
const struct worker_kind *runtime_worker(const struct runtime *rt); /* NULL: none */
/* The program of a worker: the one chosen for it, else its default; NULL: from the code. */
const char *runtime_program(const struct worker_kind *kind, const struct interpreter *chosen);
/* Is the interpreter there? If not, `why` gets a sentence that says what to do. */
bool runtime_available(const struct runtime *rt, const struct interpreter *chosen, char *why,
                       size_t size);

#endif
