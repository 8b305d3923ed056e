/* SPDX-License-Identifier: Apache-2.0 */
/* deploy_show.c - what a deployment did, for people and for programs. */
#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/deploy.h"
#include "cli/ending.h"
#include "cli/plan.h"
#include "cli/term.h"

static const char *const words[][2] = {
        [DEPLOY_CREATED] = {"created", "would be created"},
        [DEPLOY_UPDATED] = {"updated", "would be updated"},
        [DEPLOY_UNCHANGED] = {"unchanged", "unchanged"},
};

static const char *state_of(const struct deploy_step *s)
{
    if (s->probed)
        return deploy_loads(s) ? "ready" : s->probe ? "does not load" : "not looked at";
    return s->probing ? "not looked at" : deploy_state(s);
}

void deploy_show_unused(const struct manifest *m)
{
    struct str rest = buf_str(&m->unused);

    while (rest.n > 0) {
        cleanup_with(buf_done) struct buf safe;
        struct str line = str_cut(&rest, '\n');

        buf_init(&safe, 64 << 10);
        term_safe(line, TERM_LINE, &safe);
        fprintf(stderr, "warning: %s: not used here: %s\n", m->tool, safe.p ? safe.p : "");
    }
}

void deploy_show(const struct deploy_step *s)
{
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, 4 << 20);
    buf_addf(&text, "%s  %s", s->full.p, words[s->what][s->dry_run]);
    if (!s->dry_run || s->what != DEPLOY_CREATED) /* it has no code that could be ready */
        buf_addf(&text, "  %s", state_of(s));
    buf_addc(&text, '\n');
    plan_print(s->changes, &text);
    for (const struct cJSON *url = s->urls ? s->urls->child : NULL; url; url = url->next)
        buf_addf(&text, "  %s  %s\n", url->string, url->valuestring);
    fputs(text.p, stdout);
    fflush(stdout);
}

int deploy_show_failure(const struct deploy_step *s, const char *name)
{
    struct term t = term_of(stderr);
    struct str outcome = STR_NONE, log = STR_NONE;
    const struct ending *ending;

    if (!s->probe) {
        fprintf(stderr, "evoke: function '%s' is deployed, but whether it loads is not known: %s\n",
                name, s->probe_err.msg);
        return command_exit_of(&s->probe_err);
    }
    (void)json_str(s->probe, "outcome", false, &outcome, NULL);
    (void)json_str(s->probe, "log", false, &log, NULL);
    ending = ending_of(outcome);
    fprintf(stderr, "evoke: function '%s' is deployed, but %s (%s)\n", name, ending->reason,
            ending->name);
    ending_print_error(&t, json_get(s->probe, "error"));
    ending_print_log(&t, log);
    fprintf(stderr, "\n  next: %s\n", ending->next);
    return EXIT_FUNCTION;
}

struct cJSON *deploy_object(const struct deploy_step *s)
{
    struct cJSON *o = cJSON_Duplicate(s->record, true);

    cJSON_AddStringToObject(o, "change", words[s->what][0]);
    cJSON_AddItemToObject(o, "changes", cJSON_Duplicate(s->changes, true));
    if (s->urls)
        cJSON_AddItemToObject(o, "urls", cJSON_Duplicate(s->urls, true));
    if (s->dry_run)
        cJSON_AddBoolToObject(o, "dry_run", true);
    if (s->probe)
        cJSON_AddItemToObject(o, "probe", cJSON_Duplicate(s->probe, true));
    return o;
}
