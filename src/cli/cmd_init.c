/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_init.c - evoke init RUNTIME [DIR]: a function that deploys and answers as it is: evoke.yaml,
 * the handler in the shape its cloud calls it, .evokeignore. Nothing that is there is overwritten.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/nearest.h"
#include "base/obj.h"
#include "cli/command.h"
#include "runtime/runtime.h"

enum { FILE_TEXT_MAX = 64 << 10, NAME_MAX_BYTES = 60 };

static const char *const dialects[] = {"functiongraph", "fc", "scf", NULL};

static const struct option options[] = {
        {.name = "dialect",
         .kind = OPTION_CHOICE,
         .arg = "DIALECT",
         .help = "whose contract it keeps: functiongraph, fc or scf",
         .def = "functiongraph",
         .choices = dialects},
        {.name = "name",
         .kind = OPTION_TEXT,
         .arg = "NAME",
         .help = "the function's name; else the directory's",
         .min = 1,
         .max = NAME_MAX_BYTES},
};

/* ---- starters -------------------------------------------------------------------------------- */

static const char python_functiongraph[] =
        "# -*- coding: utf-8 -*-\n"
        "\n"
        "\n"
        "def handler(event, context):\n"
        "    context.getLogger().info(\"request %s\", context.getRequestID())\n"
        "    name = event.get(\"name\", \"world\") if isinstance(event, dict) else \"world\"\n"
        "    return {\"hello\": name}\n";

static const char python_fc[] =
        "# -*- coding: utf-8 -*-\n"
        "import json\n"
        "import logging\n"
        "\n"
        "\n"
        "def handler(event, context):\n"
        "    logging.getLogger().info(\"request %s\", context.request_id)\n"
        "    asked = json.loads(event or b\"{}\")\n"
        "    return json.dumps({\"hello\": asked.get(\"name\", \"world\")})\n";

static const char python_scf[] =
        "# -*- coding: utf-8 -*-\n"
        "\n"
        "\n"
        "def main_handler(event, context):\n"
        "    print(\"request\", context[\"request_id\"])\n"
        "    name = event.get(\"name\", \"world\") if isinstance(event, dict) else \"world\"\n"
        "    return {\"hello\": name}\n";

static const char node_functiongraph[] =
        "'use strict';\n"
        "\n"
        "exports.handler = async (event, context) => {\n"
        "    context.getLogger().info(`request ${context.getRequestID()}`);\n"
        "    return { hello: event.name || 'world' };\n"
        "};\n";

static const char node_fc[] =
        "'use strict';\n"
        "\n"
        "exports.handler = (event, context, callback) => {\n"
        "    console.log('request %s', context.requestId);\n"
        "    const asked = JSON.parse(event.toString() || '{}');\n"
        "    callback(null, JSON.stringify({ hello: asked.name || 'world' }));\n"
        "};\n";

static const char node_scf[] = "'use strict';\n"
                               "\n"
                               "exports.main_handler = async (event, context) => {\n"
                               "    console.log(`request ${context.request_id}`);\n"
                               "    return { hello: event.name || 'world' };\n"
                               "};\n";

static const struct starter {
    const char *worker;
    enum dialect dialect;
    const char *file, *handler, *text;
} starters[] = {
        {"python", DIALECT_FUNCTIONGRAPH, "index.py", "index.handler", python_functiongraph},
        {"python", DIALECT_FC, "index.py", "index.handler", python_fc},
        {"python", DIALECT_SCF, "index.py", "index.main_handler", python_scf},
        {"node", DIALECT_FUNCTIONGRAPH, "index.js", "index.handler", node_functiongraph},
        {"node", DIALECT_FC, "index.js", "index.handler", node_fc},
        {"node", DIALECT_SCF, "index.js", "index.main_handler", node_scf},
};

static const char ignore_text[] = "# What is no code: one pattern a line, as in .gitignore.\n"
                                  "*.pyc\n"
                                  "*.swp\n"
                                  ".venv/\n"
                                  "test/\n";

/* ---- which ----------------------------------------------------------------------------------- */

/* By a cloud's name ("Python3.9"), or by the kind ("python": the newest). The rows of a cloud go
 * from old to new. */
static const struct runtime *find_runtime(enum dialect dialect, const char *word)
{
    const struct runtime *newest = NULL;

    for (size_t i = 0; i < runtimes_n; i++) {
        const struct runtime *rt = &runtimes[i];

        if (rt->dialect != dialect || !rt->worker)
            continue;
        if (strcmp(rt->name, word) == 0)
            return rt;
        if (strcmp(rt->worker, word) == 0)
            newest = rt;
    }
    return newest;
}

static const struct starter *find_starter(enum dialect dialect, const char *worker)
{
    for (size_t i = 0; i < ARRAY_LEN(starters); i++)
        if (starters[i].dialect == dialect && strcmp(starters[i].worker, worker) == 0)
            return &starters[i];
    return NULL;
}

static int choose(enum dialect dialect, const char *word, const struct runtime **ret_runtime,
                  const struct starter **ret_starter, struct err *e)
{
    const struct runtime *rt = find_runtime(dialect, word);
    const struct starter *starter = rt ? find_starter(dialect, rt->worker) : NULL;
    struct nearest best = {0};

    if (starter) {
        *ret_runtime = rt;
        *ret_starter = starter;
        return 0;
    }
    for (size_t i = 0; i < runtimes_n; i++)
        if (runtimes[i].dialect == dialect && runtimes[i].worker &&
            find_starter(dialect, runtimes[i].worker))
            nearest_try(&best, word, runtimes[i].name);
    return err_set(
            e, ERR_CALLER, -EINVAL,
            "there is no starter for '%.48s' of %s: python, node, or the cloud's own name%s%s",
            word, dialects[dialect], best.name ? ", such as " : "", best.name ? best.name : "");
}

/* The last name of the path, with what no cloud takes in a name made a dash. Owned. */
static char *name_of_directory(const char *dir, struct err *e)
{
    cleanup_free char *path = realpath(dir, NULL);
    const char *slash = path ? strrchr(path, '/') : NULL;
    char *name = xstrndup(slash && slash[1] ? slash + 1 : "hello", NAME_MAX_BYTES);

    (void)e;
    for (char *p = name; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              *p == '_'))
            *p = '-';
    if (!((name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z'))
        name[0] = 'f';
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '-'; n--)
        name[n - 1] = 0;
    return name;
}

/* ---- files ----------------------------------------------------------------------------------- */

static int write_new(const char *dir, const char *file, struct str text, struct err *e)
{
    cleanup_free char *path = xasprintf("%s/%s", dir, file);
    cleanup_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    int r;

    if (fd < 0 && errno == EEXIST)
        return err_set(e, ERR_CALLER, -EEXIST, "'%.160s' is there already; nothing is overwritten",
                       path);
    if (fd < 0)
        return err_sys(e, "create '%.160s'", path);
    r = io_write_all(fd, text.p, text.n);
    if (r < 0) {
        errno = -r;
        return err_sys(e, "write '%.160s'", path);
    }
    fprintf(stderr, "created %s\n", path);
    return 0;
}

/* Nothing is written when one of them is there: half a starter is worse than none. */
static int check_free(const char *dir, const char *const *files, struct err *e)
{
    for (size_t i = 0; files[i]; i++) {
        cleanup_free char *path = xasprintf("%s/%s", dir, files[i]);

        if (access(path, F_OK) == 0)
            return err_set(e, ERR_CALLER, -EEXIST,
                           "'%.160s' is there already; nothing is overwritten", path);
    }
    return 0;
}

static void add_manifest(const struct runtime *rt, const struct starter *s, const char *name,
                         struct buf *out)
{
    buf_addf(out,
             "# `evoke deploy` makes the daemon's functions what this file says. docs/manifest.md\n"
             "functions:\n"
             "  %s:\n",
             name);
    if (s->dialect != DIALECT_FUNCTIONGRAPH)
        buf_addf(out, "    dialect: %s\n", dialects[s->dialect]);
    buf_addf(out,
             "    runtime: %s\n"
             "    handler: %s\n"
             "    memory: 128\n"
             "    timeout: 3\n",
             rt->name, s->handler);
}

static int write_starter(const char *dir, const struct runtime *rt, const struct starter *s,
                         const char *name, struct err *e)
{
    const char *const files[] = {"evoke.yaml", s->file, ".evokeignore", NULL};
    cleanup_with(buf_done) struct buf manifest;
    int r = check_free(dir, files, e);

    buf_init(&manifest, FILE_TEXT_MAX);
    add_manifest(rt, s, name, &manifest);
    if (r >= 0)
        r = write_new(dir, files[0], buf_str(&manifest), e);
    if (r >= 0)
        r = write_new(dir, files[1], str_of(s->text), e);
    if (r >= 0)
        r = write_new(dir, files[2], str_of(ignore_text), e);
    return r;
}

static int run(const struct common *common, const struct args *args)
{
    enum dialect dialect = (enum dialect)args_number(args, "dialect", DIALECT_FUNCTIONGRAPH);
    const char *dir = args->n > 1 ? args->words[1] : ".";
    const char *given = args_text(args, "name");
    cleanup_free char *name = NULL;
    const struct starter *starter = NULL;
    const struct runtime *rt = NULL;
    struct err e = {0};

    (void)common;
    if (choose(dialect, args->words[0], &rt, &starter, &e) < 0 || io_mkdir_p(dir, 0755, &e) < 0)
        return command_fail(&e);
    assert(rt && starter);
    name = given ? xstrdup(given) : name_of_directory(dir, &e);
    if (write_starter(dir, rt, starter, name, &e) < 0)
        return command_fail(&e);
    fprintf(stderr, "  next: evoke deploy %s && evoke invoke %s --event '{\"name\":\"you\"}'\n",
            dir, name);
    return EXIT_OK;
}

const struct command command_init = {
        .name = "init",
        .group = GROUP_WRITE,
        .args = "RUNTIME [DIR]",
        .summary = "begin a function: manifest, handler, ignore rules",
        .help = "RUNTIME is python or node, or a cloud's own name (Python3.9, nodejs18). What is\n"
                "written deploys and answers without an edit. Files that are there are kept.",
        .examples = "evoke init python hello && evoke deploy hello && evoke invoke hello\n"
                    "evoke init nodejs18 --dialect fc shop/report\n",
        .options = OPTION_TABLE(options),
        .min_words = 1,
        .max_words = 2,
        .complete = COMPLETE_RUNTIME,
        .local = true,
        .no_output = true,
        .run = run,
};
