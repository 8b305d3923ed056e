/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deploy_triggers.c - the triggers that a manifest names, put one by one where they differ from what
 * is there. Others of the function are left alone: `evoke trigger delete` is for them.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/deploy.h"
#include "cli/events.h"
#include "cli/http_trigger.h"
#include "cli/triggers.h"
#include "cli/view.h"

enum { REQUEST_TEXT = 256 << 10, PATH_TEXT_MAX = 16 << 10 };

static int64_t concurrency_of(const struct cJSON *trigger)
{
    int64_t n = 0;

    (void)json_int(trigger, "concurrency", false, 0, INT64_MAX, &n, NULL);
    return n;
}

/* "0 30 8 * * * (Asia/Shanghai), missed all, payload ping" */
static void show_timer(const struct cJSON *config, struct buf *text)
{
    struct str zone = view_text(config, "zone"), missed = view_text(config, "missed");
    struct str payload = view_text(config, "payload");

    buf_adds(text, view_text(config, "schedule"));
    if (zone.n)
        buf_addf(text, " (%.*s)", STR_ARG(zone));
    if (missed.n)
        buf_addf(text, ", missed %.*s", STR_ARG(missed));
    if (payload.n)
        buf_addf(text, ", payload %.*s", STR_ARG(payload));
}

static bool is_http(const struct cJSON *trigger)
{
    cleanup_free char *source = str_dup(view_text(trigger, "source"));

    return http_is_source(source);
}

/* "..., 1 at once, disabled"; null: there is none. */
static struct cJSON *shown(const struct cJSON *trigger)
{
    cleanup_with(buf_done) struct buf text;
    bool enabled = true;

    buf_init(&text, REQUEST_TEXT);
    if (!trigger)
        return cJSON_CreateNull();
    if (is_http(trigger))
        http_show(trigger, &text);
    else
        show_timer(json_get(trigger, "config"), &text);
    if (concurrency_of(trigger) > 0)
        buf_addf(&text, ", %lld at once", (long long)concurrency_of(trigger));
    (void)json_bool(trigger, "enabled", false, &enabled, NULL);
    if (!enabled)
        buf_addz(&text, ", disabled");
    return cJSON_CreateString(text.p);
}

static void add_change(struct deploy_step *s, const char *name, const struct cJSON *before,
                       const struct cJSON *after)
{
    struct cJSON *change = cJSON_CreateObject();
    cleanup_free char *setting = xasprintf("triggers.%s", name);

    cJSON_AddStringToObject(change, "setting", setting);
    cJSON_AddItemToObject(change, "before", shown(before));
    cJSON_AddItemToObject(change, "after", shown(after));
    cJSON_AddItemToArray(s->changes, change);
    if (s->what == DEPLOY_UNCHANGED)
        s->what = DEPLOY_UPDATED;
}

static const struct cJSON *find(const struct cJSON *list, const char *name)
{
    for (const struct cJSON *t = list ? list->child : NULL; t; t = t->next)
        if (str_eq(view_text(t, "name"), str_of(name)))
            return t;
    return NULL;
}

static bool is_same(const struct cJSON *there, const struct cJSON *wanted)
{
    return there && concurrency_of(there) == concurrency_of(wanted) &&
           str_eq(view_text(there, "source"), view_text(wanted, "source")) &&
           cJSON_Compare(json_get(there, "config"), json_get(wanted, "config"), true) &&
           cJSON_Compare(json_get(there, "enabled"), json_get(wanted, "enabled"), true);
}

/* there: as the daemon shows it. */
static void add_url(struct client *c, const char *name, const struct cJSON *there,
                    struct deploy_step *s)
{
    struct str shadow = view_text(there, "shadowed_by");
    cleanup_with(buf_done) struct buf url;

    buf_init(&url, PATH_TEXT_MAX);
    if (shadow.n > 0) {
        fprintf(stderr,
                "warning: trigger %s is not in force: its group, stage, method and path are "
                "those of %.*s\n",
                name, STR_ARG(shadow));
        return;
    }
    http_url(there, client_endpoint(c), &url);
    if (url.n == 0)
        return;
    if (!s->urls)
        s->urls = cJSON_CreateObject();
    cJSON_AddStringToObject(s->urls, name, url.p);
}

static int put(struct client *c, const char *name, struct str body, struct deploy_step *s,
               struct cJSON **ret, struct err *e)
{
    cleanup_with(buf_done) struct buf path, answer = {0};
    struct client_request req = {.method = "PUT", .body = body, .timeout_ms = 60000};
    int r;

    buf_init(&path, PATH_TEXT_MAX);
    buf_addf(&path, "%s/triggers/", s->path.p);
    uri_encode(str_of(name), "", &path);
    req.path = buf_str(&path);
    if (s->dry_run)
        req.query = S("dry_run=true");
    r = client_call(c, &req, &answer, e);
    if (r >= 0)
        r = client_json(&answer, ret, e);
    return r < 0 ? err_wrap(e, r, "trigger '%.64s'", name) : 0;
}

static int deploy_one(struct client *c, const struct manifest_function *f,
                      const struct cJSON *trigger, const struct cJSON *list, struct deploy_step *s,
                      struct err *e)
{
    const struct cJSON *there = find(list, trigger->string);
    cleanup_with(json_freep) struct cJSON *wanted = NULL, *now = NULL;
    cleanup_with(buf_done) struct buf body;
    int r;

    buf_init(&body, REQUEST_TEXT);
    r = manifest_trigger(f, trigger, &body, e);
    if (r < 0)
        return r;
    wanted = json_parse(buf_str(&body), e);
    if (!wanted)
        return -EINVAL;
    if (is_same(there, wanted)) {
        add_url(c, trigger->string, there, s);
        return 0;
    }
    r = put(c, trigger->string, buf_str(&body), s, &now, e);
    if (r < 0)
        return r;
    add_change(s, trigger->string, there, wanted);
    add_url(c, trigger->string, now, s);
    return 0;
}

int deploy_triggers(struct client *c, const struct manifest_function *f, struct deploy_step *s,
                    struct err *e)
{
    cleanup_with(json_freep) struct cJSON *list = NULL;
    int r = 0;

    s->urls = (json_free(s->urls), NULL); /* of a deployment before (--watch) */
    if (!f->triggers || !f->triggers->child)
        return 0;
    if (s->what != DEPLOY_CREATED)
        r = triggers_get(c, buf_str(&s->full), &list, e);
    for (const struct cJSON *t = f->triggers->child; t && r >= 0; t = t->next)
        r = deploy_one(c, f, t, list, s, e);
    return r;
}
