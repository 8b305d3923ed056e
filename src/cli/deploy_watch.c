/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deploy_watch.c - evoke deploy --watch: whatever is saved is deployed, until Ctrl-C.
 *
 *   a save --30 ms of quiet--> package and send what it concerns --> does it load? --> a line
 *                                                                 \__ the next save may come first
 *
 * We wait in one place, fan_next(), for the answers of probes, for saves and for Ctrl-C. Nothing
 * that goes wrong ends it: a manifest with a mistake, code that does not load and a daemon that is
 * away are told, and the next save tries again.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "cli/client.h"
#include "cli/deploy.h"
#include "cli/fan.h"
#include "cli/pack.h"
#include "cli/units.h"
#include "cli/watch.h"

enum { PROBES = 64, FOREVER_MS = 3600 * 1000 };

struct watching {
    struct client *client;        /* borrowed */
    struct deploy_source *source; /* borrowed */
    const char *const *names;
    size_t nnames;
    bool wait;

    struct fan *fan; /* owned, as what follows */
    struct watch *watch;
    struct watched { /* per function of the manifest */
        struct deploy_step step;
        bool wanted;
        size_t root;     /* watch_add() of its code; 0 is the manifest's */
        uint32_t probes; /* out */
        uint64_t saved_ns;
    } * functions;
    size_t n;
    bool *changed; /* per root */
};

static void forget(struct watching *w)
{
    w->fan = fan_free(w->fan);
    w->watch = watch_free(w->watch);
    for (size_t i = 0; i < w->n; i++)
        deploy_step_done(&w->functions[i].step);
    free(w->functions);
    free(w->changed);
    w->functions = NULL;
    w->changed = NULL;
    w->n = 0;
}

static bool is_wanted(const struct watching *w, const struct manifest_function *f)
{
    for (size_t i = 0; i < w->nnames; i++)
        if (str_eq(str_of(w->names[i]), f->name.name))
            return true;
    return w->nnames == 0;
}

static int watch_code(struct watching *w, const struct manifest_function *f, struct watched *to,
                      struct err *e)
{
    cleanup_free char *path = deploy_code_path(w->source, f);
    struct ignore *ignore = NULL;
    struct stat st;
    int r = 0;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        r = pack_rules(path, &ignore, e);
    if (r >= 0)
        r = watch_add(w->watch, path, ignore, e);
    if (r < 0)
        return err_wrap(e, r, "function '%.*s'", STR_ARG(f->name.name));
    to->root = (size_t)r;
    return 0;
}

/* From the manifest as it is now. A function whose code is not there is tried again when the
 * manifest is saved. */
static int look_around(struct watching *w, struct err *e)
{
    const struct manifest *m = &w->source->manifest;
    int r;

    forget(w);
    w->n = m->n;
    w->functions = xcalloc(m->n, sizeof(*w->functions));
    w->changed = xcalloc(m->n + 1, sizeof(*w->changed));
    for (size_t i = 0; i < m->n; i++) {
        deploy_step_init(&w->functions[i].step, &m->functions[i]);
        w->functions[i].wanted = is_wanted(w, &m->functions[i]);
    }
    r = fan_new(w->client, PROBES, &w->fan, e);
    if (r >= 0)
        r = watch_new(&w->watch, e);
    if (r >= 0)
        r = watch_add(w->watch, w->source->file, NULL, e);
    if (r < 0)
        return r;
    fan_wake_on(w->fan, watch_fd(w->watch));
    for (size_t i = 0; i < m->n; i++) {
        struct err why = {0};

        if (w->functions[i].wanted && watch_code(w, &m->functions[i], &w->functions[i], &why) < 0)
            (void)command_fail(&why);
    }
    return 0;
}

static void show(struct watched *f, const struct manifest_function *from)
{
    cleanup_free char *name = str_dup(from->name.name);
    char took[UNITS_TEXT];

    deploy_show(&f->step);
    if (f->step.probed && !deploy_loads(&f->step))
        (void)deploy_show_failure(&f->step, name);
    else if (f->step.probed)
        fprintf(stderr, "%s: ready %s after the save\n", name,
                units_time(clock_mono_ns() - f->saved_ns, took));
}

static int redeploy(struct watching *w, size_t i)
{
    const struct manifest_function *from = &w->source->manifest.functions[i];
    struct watched *f = &w->functions[i];
    struct err e = {0};
    int r = deploy_put(w->client, w->source, from, false, &f->step, &e);

    if (r >= 0 && f->step.what == DEPLOY_UNCHANGED)
        return 0;
    if (r >= 0 && w->wait && str_eq(str_of(deploy_state(&f->step)), S("ready"))) {
        r = deploy_probe(w->fan, &f->step, &e);
        f->probes += r >= 0;
    } else if (r >= 0) {
        show(f, from);
    }
    if (r == -EINTR || r == -EPIPE) /* nobody reads what we say */
        return r;
    if (r < 0)
        (void)command_fail(&e);
    return 0;
}

/* root 0, the manifest, concerns everybody. */
static int redeploy_changed(struct watching *w, uint64_t saved_ns)
{
    bool all = w->changed[0];
    struct err e = {0};
    int r = 0;

    if (all && deploy_source_reread(w->source, &e) < 0) {
        (void)command_fail(&e);
        w->changed[0] = false; /* its next save tells */
        return 0;
    }
    if (all && look_around(w, &e) < 0) {
        (void)command_fail(&e);
        return e.code;
    }
    for (size_t i = 0; i < w->n && r >= 0; i++) {
        struct watched *f = &w->functions[i];

        if (!f->wanted || !(all || (f->root && w->changed[f->root])))
            continue;
        f->saved_ns = saved_ns;
        r = redeploy(w, i);
    }
    for (size_t i = 0; i <= w->n; i++)
        w->changed[i] = false;
    return r;
}

/* Only the last of several probes of a function is about what is there now. */
static void hear_probe(struct watching *w, const struct fan_answer *a)
{
    struct watched *f = NULL;

    for (size_t i = 0; i < w->n; i++)
        if (&w->functions[i].step == a->user)
            f = &w->functions[i];
    if (!f || --f->probes > 0)
        return;
    deploy_probe_answer(&f->step, a);
    show(f, &w->source->manifest.functions[f - w->functions]);
}

int deploy_watch(struct client *c, struct deploy_source *src, const char *const *names, size_t n,
                 bool wait)
{
    cleanup_with(forget) struct watching w = {
            .client = c, .source = src, .names = names, .nnames = n, .wait = wait};
    struct err e = {0};
    int r = look_around(&w, &e);

    if (r < 0)
        return command_fail(&e);
    fprintf(stderr, "watching %s and the directories of its code (%zu); Ctrl-C ends it\n",
            src->file, watch_directories(w.watch));
    for (size_t i = 1; i <= w.n; i++) /* what was saved since it was deployed, if anything was */
        w.changed[i] = true;
    r = redeploy_changed(&w, clock_mono_ns());
    while (r >= 0) {
        struct fan_answer a;

        r = fan_next(w.fan, FOREVER_MS, &a);
        if (r > 0)
            hear_probe(&w, &a);
        else if (r == 0) {
            uint64_t saved_ns = clock_mono_ns();

            if (watch_read(w.watch, w.changed))
                r = redeploy_changed(&w, saved_ns);
        }
    }
    fputs("evoke: no longer watching; what was deployed stays\n", stderr);
    return r == -EINTR ? EXIT_INTERRUPT : EXIT_INTERNAL;
}
