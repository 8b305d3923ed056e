/* SPDX-License-Identifier: Apache-2.0 */
/*
 * options.h - what `evoke serve` can be told, by flag, environment, file or default, in that order.
 *
 * One table (options.c) is the source of the parser, the checks, --help, the man page, the example
 * file (packaging/evoke.yaml), docs/options.md, `evoke config check` and of what a reload may
 * change. Adding an option is one row and one field.
 */
#ifndef EVOKE_CONF_OPTIONS_H
#define EVOKE_CONF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"

struct err;
struct log_conf;

/* Owned text; filled from the table in options.c. */
struct options {
    char *config;
    char *data;
    char *listen;
    char *public, *hosts;
    char *region;
    char *gateway_domain, *access_log;
    char *user;
    char *log_level;
    char *log_format;
    char *audit, *audit_full;
    char *otlp_endpoint, *trace_ratio;
    char *python;
    char *node;
    int64_t instances;
    int64_t functions;
    int64_t keep_warm_s;
    int64_t waiting;
    char *object_stores;
    int64_t objects, objects_gb;
    int64_t async_waiting, async_running, async_per_function, async_keep_h, async_keep_count;
    int64_t memory_mb;
    int64_t freeze_after_ms;
    int64_t metrics_functions;
    int64_t history_mb;
    int64_t log_function_mb;
    int64_t log_mb;
    int64_t log_age_h;
    int64_t drain_s;
    int64_t audit_mb, audit_days;
    bool help;
};

enum opt_type {
    OPT_TEXT, /* min..max characters */
    OPT_INT,  /* min..max */
    OPT_FLAG,
};

struct conf_option {
    const char *name; /* flag without dashes, and key in the file */
    enum opt_type type;
    size_t offset;   /* of the field in struct options */
    const char *env; /* or NULL */
    const char *arg; /* placeholder in the help */
    const char *def; /* default as text; NULL: none, or found out at run time */
    int64_t min, max;
    const char *help;
    bool reloads;   /* may change while the daemon runs (SIGHUP) */
    bool flag_only; /* not a key of the file */
    /* More than length and range, or NULL. -EINVAL with a sentence. */
    int (*check)(struct str value, struct err *e);
};

/* The i-th row; NULL: no more. */
const struct conf_option *options_at(size_t i);
const struct conf_option *options_find(struct str name); /* or NULL */

/* argv after "serve". -EINVAL with a sentence that names the option, its source, the value and the
 * limit. */
int options_load(int argc, char **argv, struct options *ret, struct err *e);
/* Check value and put it in its field. source begins the sentence: "--listen", "EVOKE_LISTEN". */
int options_set(struct options *o, const struct conf_option *opt, const char *source,
                struct str value, struct err *e);
/* What it is set to, as text, owned; NULL: it has no value. */
char *options_value(const struct options *o, const struct conf_option *opt);
/* argv of `name command` with all of it as flags: there options_load() sees the same, without the
 * file and the environment. NULL-terminated; the texts are owned too. */
char **options_argv(const struct options *o, const char *name, const char *command);
void options_argv_freep(char ***argv); /* for cleanup_with() */
/* What --log-level and --log-format say. -EINVAL with a sentence; not after options_load(). */
int options_log(const struct options *o, struct log_conf *ret, struct err *e);
void options_done(struct options *o);

/* ---- options_file.c: the configuration file ---- */

struct options_fault {
    size_t line;         /* from 1; 0: of the file as a whole */
    const char *message; /* names key, value and limit; borrowed during the call */
};
typedef void options_fault_fn(void *user, const struct options_fault *fault);

/*
 * Read a YAML text into o, in the order of its lines; each fault is told of and the rest is read on.
 * Returns how many options were set, or -EINVAL after a fault. fault: NULL if nobody listens.
 */
int options_read(struct options *o, struct str text, options_fault_fn *fault, void *user);
/* The same of a file, and the first fault in e: "<path>: line 3: instances: 0 is outside 1 to 4000";
 * or the failure to read it. */
int options_read_file(struct options *o, const char *path, struct err *e);

/* ---- options_change.c: a reload ---- */

enum { OPTIONS_LINES = 32 << 10 }; /* all of them at their longest */

struct options_changes {
    struct buf lines; /* "keep-warm=5\n", for options_take() */
    struct buf said;  /* "keep-warm 5, waiting 10", for people */
    struct buf later; /* "listen, region": they wait for a restart, o keeps what it had */
};
void options_changes_init(struct options_changes *c);
void options_changes_done(struct options_changes *c); /* also the cleanup_with() hook */
/* Take over into o what differs in fresh and may change now; all of it is valid. */
void options_change(struct options *o, const struct options *fresh, struct options_changes *c);
/* In the other process: how many were set, or -EINVAL. */
int options_take(struct options *o, struct str lines, struct err *e);

/* ---- options_text.c: the table for people ---- */

/* "whole number, 1 to 4000", "text, 1 to 64 characters" */
void options_limits(const struct conf_option *opt, char *text, size_t size);
void options_markdown(FILE *out); /* docs/options.md */
void options_example(FILE *out);  /* packaging/evoke.yaml */

#endif
