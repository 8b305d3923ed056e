/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - what `evoke serve` can be told, by flag, environment, file or default, in that order.
 */
#ifndef EVOKE_CONF_OPTIONS_H
#define EVOKE_CONF_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct err;
struct log_conf;

/* Owned text; filled from the table in options.c. */
struct options {
    char *config;
    char *data;
    char *listen;
    char *region;
    char *user;
    char *log_level;
    char *log_format;
    char *python;
    char *node;
    int64_t instances;
    int64_t functions;
    int64_t keep_warm_s;
    int64_t waiting;
    int64_t memory_mb;
    int64_t freeze_after_ms;
    int64_t drain_s;
    bool help;
};

/* argv after "serve". -EINVAL with a sentence that names the option, its source, the value and the
 * limit. */
int options_load(int argc, char **argv, struct options *ret, struct err *e);
/* argv of `name command` with all of it as flags: there options_load() sees the same, without the
 * file and the environment. NULL-terminated; the texts are owned too. */
char **options_argv(const struct options *o, const char *name, const char *command);
void options_argv_freep(char ***argv); /* for cleanup_with() */
/* What --log-level and --log-format say. -EINVAL with a sentence; not after options_load(). */
int options_log(const struct options *o, struct log_conf *ret, struct err *e);
void options_done(struct options *o);
void options_help(FILE *out);

#endif
