/* SPDX-License-Identifier: Apache-2.0 */
/* deploy.h - one function from its directory to an instance that loads: package, compare, send,
 * look. For cmd_deploy.c, which does so with all of a manifest, and deploy_watch.c, with what was
 * saved. */
#ifndef EVOKE_CLI_DEPLOY_H
#define EVOKE_CLI_DEPLOY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/err.h"
#include "cli/command.h"
#include "cli/manifest.h"

struct cJSON;
struct client;
struct fan;
struct fan_answer;

/* What DIR or FILE means. */
struct deploy_source {
    char *dir, *file; /* owned: where code is relative to; the manifest */
    struct manifest manifest;
};
int deploy_source_read(const char *where, struct deploy_source *ret, struct err *e);
/* Again, after it has changed; untouched on failure. */
int deploy_source_reread(struct deploy_source *s, struct err *e);
void deploy_source_done(struct deploy_source *s);
/* Owned. Where a function's code is. */
char *deploy_code_path(const struct deploy_source *s, const struct manifest_function *f);

enum deploy_what { DEPLOY_CREATED, DEPLOY_UPDATED, DEPLOY_UNCHANGED };

/* One function on its way. */
struct deploy_step {
    struct buf full, path; /* its whole name; the API's path */
    char sha[SHA256_HEX];  /* of its package; "" before */
    uint64_t size;         /* of its package */
    uint64_t sent_ns;      /* of sending it; 0: it was there */
    struct cJSON *record;  /* the daemon's, after; NULL before */
    struct cJSON *changes; /* plan.h */
    struct cJSON *urls;    /* {trigger: URL} of its HTTP triggers; NULL: none */
    enum deploy_what what;
    bool dry_run;
    bool probing, probed; /* probe: the answer, when there was one; else probe_err */
    struct cJSON *probe;
    struct err probe_err;
};
void deploy_step_init(struct deploy_step *s, const struct manifest_function *f);
void deploy_step_done(struct deploy_step *s);

/*
 * Make the daemon's function what the manifest says. s may know a record from before: then the
 * daemon is not asked for it. -EINTR: Ctrl-C came before all was sent, nothing was changed. -EBUSY:
 * others write to the same function all the time.
 */
int deploy_put(struct client *c, const struct deploy_source *src, const struct manifest_function *f,
               bool dry_run, struct deploy_step *s, struct err *e);

/* deploy_triggers.c, part of it: its triggers, where they differ; adds to s->changes. */
int deploy_triggers(struct client *c, const struct manifest_function *f, struct deploy_step *s,
                    struct err *e);

/* "ready"; or the sentence that says why it cannot run on this daemon. Borrowed from the record. */
const char *deploy_state(const struct deploy_step *s);

/* Ask whether it loads; the answer comes out of the fan with s as user. */
int deploy_probe(struct fan *fan, struct deploy_step *s, struct err *e);
void deploy_probe_answer(struct deploy_step *s, const struct fan_answer *a);
bool deploy_loads(const struct deploy_step *s); /* probed, and all is well */

/* deploy_domains.c: the custom domains of a manifest. lines: what became of each, one per line, for
 * who wants to read it. */
int deploy_domains(struct client *c, const struct manifest *m, bool dry_run, struct buf *lines,
                   struct err *e);

/* ---- deploy_show.c ---- */

/* What of a foreign file means nothing here, on stderr. */
void deploy_show_unused(const struct manifest *m);
/* "name  created  ready" and what changed, on stdout. */
void deploy_show(const struct deploy_step *s);
/* Why it does not load, with its log and what to do, on stderr. Returns the exit code. */
int deploy_show_failure(const struct deploy_step *s, const char *name);
/* The record for a program: with "change", "changes", "probe". Owned by the caller. */
struct cJSON *deploy_object(const struct deploy_step *s);

/* ---- deploy_watch.c ---- */

/* Until Ctrl-C: whatever is saved is deployed. names, n: only these functions; n 0: all. */
int deploy_watch(struct client *c, struct deploy_source *src, const char *const *names, size_t n,
                 bool wait);

#endif
