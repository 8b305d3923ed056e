/* SPDX-License-Identifier: Apache-2.0 */
/* trigger_put.c - one trigger: how it is written, and what is said of it. */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/events.h"
#include "cli/http_trigger.h"
#include "cli/output.h"
#include "cli/triggers.h"

enum { TEXT_MAX = 256 << 10 };

void triggers_path(struct str function_path, const char *name, struct buf *out)
{
    buf_addz(out, "/evoke/v1/functions/");
    buf_adds(out, function_path);
    buf_addz(out, "/triggers/");
    uri_encode(str_of(name), "", out);
}

int triggers_put(struct client *c, struct str path, const struct trigger_put *put,
                 struct cJSON **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *body = cJSON_CreateObject();
    cleanup_free char *source = str_dup(put->source);
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, TEXT_MAX);
    cJSON_AddStringToObject(body, "source", source);
    cJSON_AddBoolToObject(body, "enabled", put->enabled);
    if (put->concurrency >= 0)
        cJSON_AddNumberToObject(body, "concurrency", (double)put->concurrency);
    cJSON_AddItemToObject(body, "config", cJSON_Duplicate(put->config, true));
    json_print(body, &text);
    return events_post(c, "PUT", path, buf_str(&text), ret, e);
}

void triggers_tell(struct client *c, enum output_format format, const char *done,
                   const struct cJSON *trigger)
{
    struct term t = term_of(stderr);
    int64_t next_ms = view_int(trigger, "next_ms");
    struct str shadow = view_text(trigger, "shadowed_by");
    cleanup_with(buf_done) struct buf url;
    char time[CLOCK_TEXT];
    bool enabled = true;

    buf_init(&url, TEXT_MAX);
    if (format != OUTPUT_TABLE) {
        output_object(format, trigger);
        return;
    }
    (void)json_bool(trigger, "enabled", false, &enabled, NULL);
    http_url(trigger, client_endpoint(c), &url);
    fprintf(stderr, "%s ", done);
    (void)term_write(&t, view_text(trigger, "name"));
    fputs(" of ", stderr);
    (void)term_write(&t, view_text(trigger, "function"));
    if (next_ms)
        fprintf(stderr, "\n  due next: %s", clock_iso(next_ms, time));
    if (!enabled || shadow.n > 0)
        buf_reset(&url);
    if (url.n > 0)
        fputs("\n  call it at: ", stderr);
    (void)term_write(&t, buf_str(&url));
    if (shadow.n > 0)
        fputs("\n  not in force, its route belongs to: ", stderr);
    (void)term_write(&t, shadow);
    fputc('\n', stderr);
}

void triggers_show(struct client *c, enum output_format format, const struct cJSON *trigger)
{
    const struct cJSON *config = json_get(trigger, "config");
    int64_t next_ms = view_int(trigger, "next_ms");
    cleanup_with(buf_done) struct buf text = {0};
    char time[CLOCK_TEXT];
    bool enabled = true, waits = false;
    struct view v;

    if (format != OUTPUT_TABLE) {
        output_object(format, trigger);
        return;
    }
    buf_init(&text, TEXT_MAX);
    view_init(&v);
    (void)json_bool(trigger, "enabled", false, &enabled, NULL);
    (void)json_bool(trigger, "waits_for_source", false, &waits, NULL);
    view_field(&v, "name", view_text(trigger, "name"));
    view_field(&v, "function", view_text(trigger, "function"));
    view_field(&v, "source", view_text(trigger, "source"));
    view_field(&v, "enabled", enabled ? S("yes") : S("no"));
    if (waits)
        view_field(&v, "state", S("waiting for its source: the daemon has none of that type"));
    http_url(trigger, client_endpoint(c), &text);
    view_field(&v, "call it at", buf_str(&text));
    view_key(&v, "method", json_get(trigger, "address"), "method", "");
    view_key(&v, "not in force", trigger, "shadowed_by", "");
    if (next_ms > 0)
        view_field(&v, "due next", str_of(clock_iso(next_ms, time)));
    for (const struct cJSON *k = config ? config->child : NULL; k; k = k->next) {
        if (str_eq(str_of(k->string), S("method")))
            continue; /* told */
        buf_reset(&text);
        if (cJSON_IsString(k))
            buf_addz(&text, k->valuestring);
        else
            json_print(k, &text);
        view_field(&v, k->string, buf_str(&text));
    }
}

int triggers_create(const struct common *common, const struct args *args, triggers_make_fn *make)
{
    cleanup_with(json_freep) struct cJSON *config = cJSON_CreateObject(), *trigger = NULL;
    struct trigger_put put = {.config = config, .enabled = !args_has(args, "disabled")};
    cleanup_with(client_freep) struct client *client = NULL;
    cleanup_with(buf_done) struct buf function, path;
    struct str rest;
    struct err e = {0};
    int status;

    buf_init(&function, TEXT_MAX);
    buf_init(&path, TEXT_MAX);
    if (client_new(common, &client, &e) < 0 ||
        events_function(client, args->words[1], &function, &e) < 0)
        return command_fail(&e);
    rest = buf_str(&function);
    if (make(args, str_cut(&rest, '/'), &put, &e) < 0)
        return command_fail(&e);
    triggers_path(buf_str(&function), args->words[0], &path);
    status = triggers_put(client, buf_str(&path), &put, &trigger, &e);
    if (status < 0)
        return command_fail(&e);
    triggers_tell(client, common->format,
                  status == 201                                  ? "created"
                  : client_header(client, "X-Evoke-Unchanged").n ? "unchanged:"
                                                                 : "changed",
                  trigger);
    return EXIT_OK;
}
