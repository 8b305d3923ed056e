/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_deploy.c - evoke deploy [DIR|FILE] [NAME...]: make the daemon's functions what a manifest
 * says. Functions that are not in it are left alone.
 *
 * One after the other is packed and sent; whether it loads is asked at once and heard while the
 * next is packed. What is done is printed in the manifest's order. The first failure ends it, and so
 * does Ctrl-C: what was deployed before stays, was printed, and the rest is named.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/deploy.h"
#include "cli/fan.h"
#include "cli/interrupt.h"
#include "cli/output.h"

enum { PROBES = 64, FOREVER_MS = 600000 };

struct deploying {
    struct client *client; /* owned, as all of these */
    struct fan *fan;
    struct deploy_source source;
    struct deploy_step *steps; /* one per function of the manifest, wanted or not */
    size_t nput;               /* of them, in order, are done but for the probe */
    size_t nshown;
    struct cJSON *records;
    bool dry_run, wait, table;
    int exit_code; /* of the first one that does not load */
};

static void deploying_done(struct deploying *d)
{
    for (size_t i = 0; d->steps && i < d->source.manifest.n; i++)
        deploy_step_done(&d->steps[i]);
    free(d->steps);
    d->fan = fan_free(d->fan);
    d->client = client_free(d->client);
    json_free(d->records);
    deploy_source_done(&d->source);
}

static bool is_wanted(const struct args *words, const struct manifest_function *f)
{
    for (size_t i = 1; i < words->n; i++)
        if (str_eq(str_of(words->words[i]), f->name.name))
            return true;
    return words->n < 2;
}

static int check_wanted(const struct args *words, const struct manifest *m, struct err *e)
{
    for (size_t i = 1; i < words->n; i++) {
        size_t k = 0;

        while (k < m->n && !str_eq(m->functions[k].name.name, str_of(words->words[i])))
            k++;
        if (k == m->n)
            return err_set(e, ERR_CALLER, -ENOENT, "the manifest has no function '%.128s'",
                           words->words[i]);
    }
    return 0;
}

/* ---- what is done ---- */

static void show(struct deploying *d, const struct deploy_step *s,
                 const struct manifest_function *f)
{
    cleanup_free char *name = str_dup(f->name.name);

    if (d->table)
        deploy_show(s);
    cJSON_AddItemToArray(d->records, deploy_object(s));
    if (s->probed && !deploy_loads(s) && s->probe_err.code != -EINTR) {
        int code = deploy_show_failure(s, name);

        d->exit_code = d->exit_code ? d->exit_code : code;
    }
}

/* In order: one whose probe is out holds back the others. */
static void show_what_is_done(struct deploying *d)
{
    for (; d->nshown < d->nput && !d->steps[d->nshown].probing; d->nshown++)
        if (d->steps[d->nshown].record)
            show(d, &d->steps[d->nshown], &d->source.manifest.functions[d->nshown]);
}

/* Take answers of probes as they come, for so long. -EINTR. */
static int hear_probes(struct deploying *d, int timeout_ms)
{
    struct fan_answer a;
    int r = 0;

    while (d->fan && fan_running(d->fan) > 0 && (r = fan_next(d->fan, timeout_ms, &a)) > 0) {
        deploy_probe_answer(a.user, &a);
        show_what_is_done(d);
    }
    show_what_is_done(d);
    return r < 0 ? r : 0;
}

static void give_up_probes(struct deploying *d)
{
    for (size_t i = 0; i < d->nput; i++) {
        struct deploy_step *s = &d->steps[i];

        if (!s->probing)
            continue;
        s->probing = false;
        s->probed = true;
        err_set(&s->probe_err, ERR_HOST, -EINTR, "interrupted");
    }
}

static int put_one(struct deploying *d, size_t i, struct err *e)
{
    const struct manifest_function *f = &d->source.manifest.functions[i];
    struct deploy_step *s = &d->steps[i];
    int r = deploy_put(d->client, &d->source, f, d->dry_run, s, e);

    if (r >= 0 && d->wait && str_eq(str_of(deploy_state(s)), S("ready"))) {
        while (fan_running(d->fan) == PROBES && r >= 0)
            r = hear_probes(d, 100);
        r = r < 0 ? err_set(e, ERR_HOST, r, "interrupted") : deploy_probe(d->fan, s, e);
    }
    return r < 0 ? err_wrap(e, r, "function '%.*s'", STR_ARG(f->name.name)) : 0;
}

static int put_all(struct deploying *d, const struct args *words, struct err *e)
{
    const struct manifest *m = &d->source.manifest;
    int r = 0;

    while (d->nput < m->n && r >= 0 && !d->exit_code) {
        if (is_wanted(words, &m->functions[d->nput]))
            r = put_one(d, d->nput, e);
        if (r >= 0 || d->steps[d->nput].record)
            d->nput++;
        if (r >= 0)
            r = hear_probes(d, 0);
        if (r == -EINTR && e->code == 0)
            r = err_set(e, ERR_HOST, -EINTR, "interrupted");
    }
    return r;
}

/* After the functions that their routes name; only with all of the manifest. */
static int put_domains(struct deploying *d, const struct args *words, struct err *e)
{
    cleanup_with(buf_done) struct buf lines;
    int r;

    buf_init(&lines, 1 << 20);
    if (words->n > 1 || !d->source.manifest.domains)
        return 0;
    r = deploy_domains(d->client, &d->source.manifest, d->dry_run, &lines, e);
    if (d->table)
        (void)fwrite(lines.p, 1, lines.n, stdout);
    return r;
}

/* Ctrl-C: what was and what was not done. */
static int tell_interrupted(struct deploying *d, const struct args *words)
{
    const struct manifest *m = &d->source.manifest;
    struct buf done, left;

    buf_init(&done, 64 << 10);
    buf_init(&left, 64 << 10);
    for (size_t i = 0; i < m->n; i++) {
        struct buf *to = d->steps[i].record ? &done : &left;

        if (is_wanted(words, &m->functions[i]))
            buf_addf(to, "%s%.*s", to->n ? ", " : "", STR_ARG(m->functions[i].name.name));
    }
    fprintf(stderr, "evoke: interrupted; %s: %s; not %s: %s\n",
            d->dry_run ? "looked at" : "deployed", done.n ? done.p : "nothing",
            d->dry_run ? "looked at" : "deployed", left.n ? left.p : "nothing");
    buf_done(&done);
    buf_done(&left);
    return EXIT_INTERRUPT;
}

static int deploy_all(struct deploying *d, const struct common *common, const struct args *words)
{
    struct err e = {0};
    int r = put_all(d, words, &e);

    if (r != -EINTR && hear_probes(d, FOREVER_MS) == -EINTR)
        r = -EINTR;
    if (r == -EINTR)
        give_up_probes(d);
    show_what_is_done(d);
    if (r >= 0)
        r = put_domains(d, words, &e);
    if (!d->table)
        output_object(common->format, d->records);
    if (r == -EINTR)
        return tell_interrupted(d, words);
    return r < 0 ? command_fail(&e) : d->exit_code;
}

static int prepare(struct deploying *d, const struct common *common, const struct args *args,
                   struct err *e)
{
    const struct manifest *m = &d->source.manifest;
    int r = deploy_source_read(args->n ? args->words[0] : ".", &d->source, e);

    if (r >= 0)
        deploy_show_unused(m);
    if (r >= 0)
        r = check_wanted(args, m, e);
    if (r >= 0)
        r = client_new(common, &d->client, e);
    if (r >= 0)
        r = fan_new(d->client, PROBES, &d->fan, e);
    if (r < 0)
        return r;
    d->steps = xcalloc(m->n, sizeof(*d->steps));
    for (size_t i = 0; i < m->n; i++)
        deploy_step_init(&d->steps[i], &m->functions[i]);
    return 0;
}

static int check_options(const struct common *common, const struct args *args, struct err *e)
{
    if (args_has(args, "watch") && args_has(args, "dry-run"))
        return err_set(e, ERR_CALLER, -EINVAL, "--watch deploys and --dry-run does not");
    if (args_has(args, "watch") && common->format != OUTPUT_TABLE)
        return err_set(e, ERR_CALLER, -EINVAL, "--watch has no end, and --output %s would be one",
                       common->format == OUTPUT_JSON ? "json" : "yaml");
    return 0;
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(deploying_done) struct deploying d = {
            .dry_run = args_has(args, "dry-run"),
            .wait = !args_has(args, "no-wait") && !args_has(args, "dry-run"),
            .table = common->format == OUTPUT_TABLE,
            .records = cJSON_CreateArray(),
    };
    struct err e = {0};
    int code;

    if (check_options(common, args, &e) < 0 || prepare(&d, common, args, &e) < 0)
        return command_fail(&e);
    interrupt_catch();
    code = deploy_all(&d, common, args);
    if (!args_has(args, "watch") || code == EXIT_INTERRUPT)
        return code;
    return deploy_watch(d.client, &d.source, args->words + 1, args->n ? args->n - 1 : 0, d.wait);
}

static const struct option options[] = {
        {.name = "dry-run",
         .letter = 'n',
         .kind = OPTION_FLAG,
         .help = "only show what would change"},
        {.name = "watch",
         .letter = 'w',
         .kind = OPTION_FLAG,
         .help = "stay, and deploy again whatever is saved"},
        {.name = "no-wait",
         .kind = OPTION_FLAG,
         .help = "do not start an instance to see whether the code loads"},
};

const struct command command_deploy = {
        .name = "deploy",
        .group = GROUP_WRITE,
        .args = "[DIR|FILE] [NAME...]",
        .summary = "make functions what a manifest says",
        .brief = "make functions what a manifest says; `version`, `alias`",
        .help = "Packs the code of each function in DIR/evoke.yaml (or the manifest FILE), sends\n"
                "what has changed, and waits until it loads; with NAMEs, only those. DIR is the\n"
                "current directory when left out. A serverless.yml of Tencent, a template.yml of\n"
                "Funcraft and an s.yaml of Serverless Devs are read, too. What a .evokeignore in\n"
                "the code's directory names, as a .gitignore does, stays out of the package.\n"
                "Exit code 1 when a function does not load: its error and log are shown.",
        .examples = "evoke deploy\n"
                    "evoke deploy shop thumbnail\n"
                    "evoke deploy --watch\n"
                    "evoke deploy --dry-run --output json\n",
        .options = OPTION_TABLE(options),
        .max_words = ARGS_WORDS,
        .complete = COMPLETE_DIR,
        .run = run,
};
