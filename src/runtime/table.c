/* SPDX-License-Identifier: Apache-2.0 */
/*
 * table.c - every runtime name of the three clouds, and the workers we have.
 *
 * A name a cloud knows is accepted even where no worker runs it yet: functions of such a runtime
 * can be created, listed and exported; an invocation says what is missing. The interpreter is the
 * host's: "Python3.6" runs on the Python 3 that is installed, "Node.js6.10" on its Node.js. Python 2.7
 * is another language.
 *
 * "native" is our own name, in every dialect: the package brings an executable `bootstrap` that
 * speaks frames on descriptor 3 (runtimes/c).
 *
 * A new language is a row in worker_kinds[] and the names it serves below.
 * Source: docs/compat; the clouds' SDK enumerations and documentation.
 */
#include "runtime/runtime.h"

#include <stdio.h>
#include <unistd.h>

#include "base/obj.h"

#define ROW(d, n, w, s)                                                                            \
    {                                                                                              \
        .dialect = (d), .name = (n), .worker = (w), .source = (s)                                  \
    }
#define FG(n, w, s)  ROW(DIALECT_FUNCTIONGRAPH, n, w, s)
#define FC(n, w, s)  ROW(DIALECT_FC, n, w, s)
#define SCF(n, w, s) ROW(DIALECT_SCF, n, w, s)

const struct runtime runtimes[] = {
        FG("Python2.7", NULL, ".py"),
        FG("Python3.6", "python", ".py"),
        FG("Python3.9", "python", ".py"),
        FG("Python3.10", "python", ".py"),
        FG("Python3.12", "python", ".py"),
        FG("Node.js6.10", "node", ".js"),
        FG("Node.js8.10", "node", ".js"),
        FG("Node.js10.16", "node", ".js"),
        FG("Node.js12.13", "node", ".js"),
        FG("Node.js14.18", "node", ".js"),
        FG("Node.js16.17", "node", ".js"),
        FG("Node.js18.15", "node", ".js"),
        FG("Node.js20.15", "node", ".js"),
        FG("PHP7.3", NULL, ".php"),
        FG("PHP8.3", NULL, ".php"),
        FG("Java8", NULL, NULL),
        FG("Java11", NULL, NULL),
        FG("Java17", NULL, NULL),
        FG("Java21", NULL, NULL),
        FG("Go1.8", NULL, NULL),
        FG("Go1.x", NULL, NULL),
        FG("C#(.NET Core 2.0)", NULL, NULL),
        FG("C#(.NET Core 2.1)", NULL, NULL),
        FG("C#(.NET Core 3.1)", NULL, NULL),
        FG("C#(.NET Core 6.0)", NULL, NULL),
        FG("Cangjie1.0", NULL, NULL),
        FG("Custom", NULL, NULL),
        FG("http", NULL, NULL),
        FG("Custom Image", NULL, NULL),
        FG("native", "native", NULL),

        FC("python2.7", NULL, ".py"),
        FC("python3", "python", ".py"),
        FC("python3.9", "python", ".py"),
        FC("python3.10", "python", ".py"),
        FC("nodejs4.4", "node", ".js"),
        FC("nodejs6", "node", ".js"),
        FC("nodejs8", "node", ".js"),
        FC("nodejs10", "node", ".js"),
        FC("nodejs12", "node", ".js"),
        FC("nodejs14", "node", ".js"),
        FC("nodejs16", "node", ".js"),
        FC("nodejs18", "node", ".js"),
        FC("nodejs20", "node", ".js"),
        FC("php7.2", NULL, ".php"),
        FC("java8", NULL, NULL),
        FC("java11", NULL, NULL),
        FC("go1", NULL, NULL),
        FC("dotnetcore2.1", NULL, NULL),
        FC("dotnetcore3.1", NULL, NULL),
        FC("custom", NULL, NULL),
        FC("custom.debian10", NULL, NULL),
        FC("custom-container", NULL, NULL),
        FC("native", "native", NULL),

        SCF("Python2.7", NULL, ".py"),
        SCF("Python3.6", "python", ".py"),
        SCF("Python3.7", "python", ".py"),
        SCF("Python3.9", "python", ".py"),
        SCF("Python3.10", "python", ".py"),
        SCF("Nodejs6.10", "node", ".js"),
        SCF("nodejs8", "node", ".js"),
        SCF("Nodejs8.9", "node", ".js"),
        SCF("Nodejs10.15", "node", ".js"),
        SCF("Nodejs12.16", "node", ".js"),
        SCF("Nodejs14.18", "node", ".js"),
        SCF("Nodejs16.13", "node", ".js"),
        SCF("Nodejs18.15", "node", ".js"),
        SCF("Php5", NULL, ".php"),
        SCF("Php5.6", NULL, ".php"),
        SCF("Php7", NULL, ".php"),
        SCF("Php7.4", NULL, ".php"),
        SCF("Php8.0", NULL, ".php"),
        SCF("Go1", NULL, NULL),
        SCF("Java8", NULL, NULL),
        SCF("Java11", NULL, NULL),
        SCF("CustomRuntime", NULL, NULL),
        SCF("CustomImage", NULL, NULL),
        SCF("native", "native", NULL),
};

const size_t runtimes_n = ARRAY_LEN(runtimes);

/* -E -s: nothing of the host's environment or user directory; -u: what is printed is captured at
 * once; -B: the code is mounted read-only. */
static const char *const python_argv[] = {
        "python3", "-E", "-s", "-u", "-B", "/rt/python/bootstrap.py", NULL,
};
/* A young generation that fits small functions. One helper thread of V8 instead of four: each takes 8 MiB of stack from the memory limit where
 * that is counted as data (an ordinary user's daemon), and a place in the limit of processes. */
static const char *const node_argv[] = {
        "node", "--v8-pool-size=1", "--max-semi-space-size=4", "/rt/node/bootstrap.js", NULL,
};
static const char *const native_argv[] = {"bootstrap", NULL};

const struct worker_kind worker_kinds[] = {
        {
                .id = "python",
                .program = "/usr/bin/python3",
                .argv = python_argv,
                .package = "python3",
        },
        {
                .id = "node",
                .program = "/usr/bin/node",
                .argv = node_argv,
                .package = "nodejs",
        },
        {
                .id = "native",
                .program = NULL,
                .argv = native_argv,
                .package = NULL,
        },
};
const size_t worker_kinds_n = ARRAY_LEN(worker_kinds);

const struct runtime *runtime_find(enum dialect dialect, struct str name)
{
    for (size_t i = 0; i < runtimes_n; i++)
        if (runtimes[i].dialect == dialect && str_eq(str_of(runtimes[i].name), name))
            return &runtimes[i];
    return NULL;
}

const struct worker_kind *runtime_worker(const struct runtime *rt)
{
    if (!rt->worker)
        return NULL;
    for (size_t i = 0; i < worker_kinds_n; i++)
        if (strcmp(worker_kinds[i].id, rt->worker) == 0)
            return &worker_kinds[i];
    assert(!"a row of the runtime table names a worker that is not there");
    return NULL;
}

const char *runtime_program(const struct worker_kind *kind, const struct interpreter *chosen)
{
    for (; chosen->worker; chosen++)
        if (strcmp(chosen->worker, kind->id) == 0)
            return chosen->program;
    return kind->program;
}

bool runtime_available(const struct runtime *rt, const struct interpreter *chosen, char *why,
                       size_t size)
{
    const struct worker_kind *kind = runtime_worker(rt);
    const char *program = kind ? runtime_program(kind, chosen) : NULL;

    if (!kind) {
        (void)snprintf(why, size, "runtime '%s' has no worker in this version", rt->name);
        return false;
    }
    if (!program || access(program, X_OK) == 0)
        return true;
    if (strcmp(program, kind->program) == 0)
        (void)snprintf(why, size, "runtime '%s' needs '%s': install the package '%s'", rt->name,
                       program, kind->package);
    else
        (void)snprintf(why, size, "runtime '%s' needs '%.128s', which --%s names: no such program",
                       rt->name, program, kind->id);
    return false;
}
