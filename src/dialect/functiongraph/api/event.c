/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c - test events: named texts kept beside a function, for whoever tries it out. Nothing of ours
 * runs them.
 *
 * Each is a resource of the catalog (kind "fg-event") whose parent is the function's path, so they go
 * when the function goes. The content is kept as it came: base64 of JSON.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/json.h"
#include "catalog/resources.h"
#include "dialect/functiongraph/api/fg.h"

#define KIND S("fg-event")

enum {
    EVENT = 2, /* capture behind project and URN */
    NAME_MAX_CHARS = 25,
    CONTENT_MAX = 4 * 1024,
    EVENTS_MAX = 10,
    OBJECT_MAX = 64 << 10,
};

static void fail_event(struct call *c, int r)
{
    if (r == -EEXIST)
        call_fail(c, 403, "FSS.1073", "The function event has existed");
    else if (r == -ENOENT)
        call_fail(c, 404, "FSS.1070", "Not found the function event");
    else
        fg_fail_catalog(c, r);
}

static struct str content_of(const struct cJSON *body)
{
    struct str content = S("");

    (void)json_str(body, "content", false, &content, NULL);
    return content;
}

static void put_event(struct jw *w, const struct resource *ev, bool content, bool times)
{
    cleanup_with(json_freep) struct cJSON *body = json_parse(str_of(ev->body), NULL);

    jw_obj(w);
    jw_kstrz(w, "id", ev->id);
    jw_kstrz(w, "name", ev->name);
    if (content)
        jw_kstr(w, "content", content_of(body));
    if (times)
        jw_kint(w, "last_modified", ev->modified_ms / 1000);
    jw_obj_end(w);
}

static void reply_event(struct call *c, const struct resource *ev, bool whole)
{
    struct buf body;
    struct jw w;

    buf_init(&body, OBJECT_MAX);
    jw_init(&w, &body);
    put_event(&w, ev, whole, whole);
    fg_reply_json(c, 200, &body);
}

static struct resource_filter events_of(const char *parent)
{
    return (struct resource_filter){
            .kind = KIND, .dialect = DIALECT_FUNCTIONGRAPH, .parent = str_of(parent)};
}

/* ---- what a request says ---- */

static bool name_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = str_lower(s.p[i]);

        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-'))
            return false;
    }
    return s.n > 0 && s.n <= NAME_MAX_CHARS;
}

/* Into draft->body. */
static int read_content(const struct cJSON *body, struct resource *draft, struct fg_error *x)
{
    cleanup_with(buf_done) struct buf text;
    cleanup_with(buf_done) struct buf kept;
    struct str content = STR_NONE;
    struct jw w;
    int r;

    buf_init(&text, CONTENT_MAX);
    buf_init(&kept, OBJECT_MAX);
    x->status = 400;
    x->code = "FSS.1074";
    if (json_str(body, "content", false, &content, &x->e) < 0)
        return -EINVAL;
    if (!content.n)
        return fg_refuse(x, 400, "FSS.1074", "content is missing");
    r = base64_decode(content, &text);
    if (r == -EMSGSIZE)
        return fg_refuse(x, 403, "FSS.1069", "The function event has over %d bytes", CONTENT_MAX);
    if (r < 0 || !json_valid(buf_str(&text), NULL))
        return fg_refuse(x, 400, "FSS.1074", "content is not base64 of JSON");
    jw_init(&w, &kept);
    jw_obj(&w);
    jw_kstr(&w, "content", content);
    jw_obj_end(&w);
    fn_set(&draft->body, buf_str(&kept));
    return 0;
}

static int read_create(struct call *c, const struct cJSON *body, struct resource *draft,
                       struct fg_error *x)
{
    struct resource_filter filter = events_of(draft->parent);
    struct str name = STR_NONE;

    x->status = 400;
    x->code = "FSS.1074";
    if (json_str(body, "name", false, &name, &x->e) < 0)
        return -EINVAL;
    if (!name_ok(name))
        return fg_refuse(x, 400, "FSS.1074", "name has not 1 to %d letters, digits, '_' or '-'",
                         NAME_MAX_CHARS);
    fn_set(&draft->name, name);
    if (read_content(body, draft, x) < 0)
        return -EINVAL;
    filter.name = name;
    if (catalog_count_resources(c->api->catalog, &filter) > 0)
        return fg_refuse(x, 403, "FSS.1073", "The function event has existed");
    filter.name = STR_NONE;
    if (catalog_count_resources(c->api->catalog, &filter) >= EVENTS_MAX)
        return fg_refuse(x, 403, "FSS.1068", "The function has %d events, no more are allowed",
                         EVENTS_MAX);
    return 0;
}

/* ---- operations ---- */

static void on_saved(void *user, int r, const struct resource *ev)
{
    struct call *c = user;

    if (r < 0)
        fail_event(c, r);
    else
        reply_event(c, ev, false);
}

void fg_create_event(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct fg_error x = {0};
    struct resource *draft;
    char id[UUID_TEXT];
    struct fg_urn urn;

    if (!fg_target(c, &urn))
        return;
    body = fg_body(c);
    if (!body)
        return;
    uuid4(id);
    draft = fg_resource_new(KIND, str_of(id), &urn);
    if (read_create(c, body, draft, &x) < 0) {
        resource_unref(draft);
        fg_fail(c, &x);
        return;
    }
    catalog_create_resource(c->api->catalog, draft, on_saved, c); /* -> on_saved */
}

struct listing {
    struct jw w;
    int64_t n;
};

static bool list_one(void *user, const struct resource *ev)
{
    struct listing *l = user;

    put_event(&l->w, ev, false, true);
    l->n++;
    return true;
}

void fg_list_events(struct call *c)
{
    cleanup_with(buf_done) struct buf path;
    struct resource_filter filter;
    struct listing l = {0};
    struct fg_urn urn;
    struct buf body;

    buf_init(&path, FG_PATH);
    if (!fg_target(c, &urn))
        return;
    fg_path(&urn, &path);
    filter = events_of(path.p);
    buf_init(&body, OBJECT_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_key(&l.w, "events");
    jw_arr(&l.w);
    catalog_each_resource(c->api->catalog, &filter, list_one, &l);
    jw_arr_end(&l.w);
    jw_kint(&l.w, "count", l.n);
    jw_kint(&l.w, "next_marker", l.n);
    jw_obj_end(&l.w);
    fg_reply_json(c, 200, &body);
}

/* What the path names; NULL: it has replied. */
static const struct resource *find(struct call *c)
{
    const struct resource *ev;
    struct fg_urn urn;

    if (!fg_target(c, &urn))
        return NULL;
    ev = fg_resource_of(c, KIND, c->captures[EVENT], &urn);
    if (!ev)
        fail_event(c, -ENOENT);
    return ev;
}

void fg_show_event(struct call *c)
{
    const struct resource *ev = find(c);

    if (ev)
        reply_event(c, ev, true);
}

void fg_update_event(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *ev = find(c);
    struct fg_error x = {0};
    struct resource *draft;

    if (!ev)
        return;
    body = fg_body(c);
    if (!body)
        return;
    draft = resource_copy(ev);
    if (read_content(body, draft, &x) < 0) {
        resource_unref(draft);
        fg_fail(c, &x);
        return;
    }
    draft->modified_ms = clock_wall_ms();
    catalog_update_resource(c->api->catalog, draft, on_saved, c); /* -> on_saved */
}

static void on_deleted(void *user, int r, const struct resource *ev)
{
    struct call *c = user;

    (void)ev;
    if (r < 0)
        fail_event(c, r);
    else
        call_reply(c, 204, S(""), S(""));
}

void fg_delete_event(struct call *c)
{
    const struct resource *ev = find(c);

    if (ev)
        catalog_delete_resource(c->api->catalog, KIND, str_of(ev->id), on_deleted, c);
}
