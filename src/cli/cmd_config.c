/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_config.c - evoke config check|example|markdown: the daemon's options and their file. Asks no
 * daemon: the table is conf's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/output.h"
#include "conf/options.h"

enum { FILE_MAX = 1 << 20, RESULT_MAX = 16 << 20 };

#define DEFAULT_FILE "/etc/evoke/evoke.yaml"

struct check {
    const char *path;
    struct jw *json; /* NULL: lines for people */
    int faults;
};

static void on_fault(void *user, const struct options_fault *f)
{
    struct check *c = user;

    c->faults++;
    if (c->json) {
        jw_obj(c->json);
        if (f->line)
            jw_kint(c->json, "line", (int64_t)f->line);
        jw_kstrz(c->json, "message", f->message);
        jw_obj_end(c->json);
    } else if (f->line) {
        printf("%s: line %zu: %s\n", c->path, f->line, f->message);
    } else {
        printf("%s: %s\n", c->path, f->message);
    }
}

static void check_for_people(const char *path, struct str text)
{
    struct check c = {.path = path};
    struct options o = {0};
    int set = options_read(&o, text, on_fault, &c);

    if (c.faults == 0)
        printf("%s: no fault, %d option%s set\n", path, set, set == 1 ? "" : "s");
    else
        printf("%d fault%s\n", c.faults, c.faults == 1 ? "" : "s");
    options_done(&o);
}

static void check_for_programs(enum output_format format, const char *path, struct str text)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf out;
    struct options o = {0};
    struct jw w;
    struct check c = {.path = path, .json = &w};
    int set;

    buf_init(&out, RESULT_MAX);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstrz(&w, "file", path);
    jw_key(&w, "faults");
    jw_arr(&w);
    set = options_read(&o, text, on_fault, &c);
    jw_arr_end(&w);
    jw_kbool(&w, "ok", c.faults == 0);
    jw_kint(&w, "options", set < 0 ? 0 : set);
    jw_obj_end(&w);
    tree = json_parse(buf_str(&out), NULL);
    if (tree)
        output_object(format, tree);
    options_done(&o);
}

static bool has_fault(struct str text)
{
    struct options o = {0};
    bool faulty = options_read(&o, text, NULL, NULL) < 0;

    options_done(&o);
    return faulty;
}

static int check(const struct common *common, const struct args *args)
{
    const char *from_environment = getenv("EVOKE_CONFIG");
    const char *path = args->n > 0                             ? args->words[0]
                       : from_environment && *from_environment ? from_environment
                                                               : DEFAULT_FILE;
    cleanup_with(buf_done) struct buf text;
    struct err e = {0};

    buf_init(&text, FILE_MAX);
    if (io_read_file(AT_FDCWD, path, &text, &e) < 0) {
        (void)command_fail(&e);
        return EXIT_USAGE;
    }
    if (common->format == OUTPUT_TABLE)
        check_for_people(path, buf_str(&text));
    else
        check_for_programs(common->format, path, buf_str(&text));
    return has_fault(buf_str(&text)) ? EXIT_USAGE : EXIT_OK;
}

static int example(const struct common *common, const struct args *args)
{
    (void)common;
    (void)args;
    options_example(stdout);
    return EXIT_OK;
}

static int markdown(const struct common *common, const struct args *args)
{
    (void)common;
    (void)args;
    options_markdown(stdout);
    return EXIT_OK;
}

const struct command command_config_check = {
        .name = "config check",
        .group = GROUP_SERVE,
        .args = "[FILE]",
        .summary = "check the daemon's configuration file, all of it",
        .help = "Names file, line, option, value and limit of every fault, and the nearest option\n"
                "for one that does not exist. FILE is $EVOKE_CONFIG, else " DEFAULT_FILE ".\n"
                "Exit code 0: no fault; 2: faults, or no such file.",
        .examples = "evoke config check\n"
                    "evoke config check ./evoke.yaml && systemctl reload evoke\n",
        .max_words = 1,
        .complete = COMPLETE_FILE,
        .local = true,
        .run = check,
};

const struct command command_config_example = {
        .name = "config example",
        .group = GROUP_SERVE,
        .args = "",
        .summary = "print a configuration file with every option and its default",
        .examples = "evoke config example > evoke.yaml\n",
        .local = true,
        .no_output = true,
        .run = example,
};

/* For the build, which makes docs/options.md of it. */
const struct command command_config_markdown = {
        .name = "config markdown",
        .group = GROUP_SERVE,
        .args = "",
        .summary = "print the page of all options of the daemon",
        .local = true,
        .no_output = true,
        .hidden = true,
        .run = markdown,
};
