/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gateway_apply.c - makes the daemon's objects what a file says.
 *
 * All lists are fetched first; then wish by wish is looked up in them, and created or changed where
 * it differs. What a wish names ("@group:shop") is put in by its id, which a creation before it has
 * added to the lists: so a file is done in one go, from top to bottom. Published is last, and only
 * what differs from what is called.
 *
 * What belongs to a group or an API of the file and is not in the file goes (variables, domains,
 * who may call it). APIs go with --prune only; other groups and all the rest are left alone.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/events.h"
#include "cli/gateway.h"
#include "cli/view.h"

enum { PATH_TEXT = 4096, BODY_TEXT = 1 << 20 };

static const char *const kinds[] = {"env",      "authorizer", "throttle", "app", "group",
                                    "response", "variable",   "domain",   "api", "throttle_bind",
                                    "app_auth", "version",    "release"};
enum { KINDS = ARRAY_LEN(kinds) };

struct state {
    struct gateway_apply *a;
    const struct gateway_file *file;
    struct cJSON *lists[KINDS]; /* owned: the daemon's, of account and region, ours added */
    struct err *e;
};

static size_t kind_of(const char *name)
{
    size_t i = 0;

    while (i < KINDS && strcmp(kinds[i], name) != 0)
        i++;
    assert(i < KINDS);
    return i;
}

static int fetch(struct state *s)
{
    cleanup_with(buf_done) struct buf query;
    int r = 0;

    buf_init(&query, PATH_TEXT);
    events_query(&query, "dialect", s->file->dialect);
    events_query(&query, "account", s->file->account);
    events_query(&query, "region", s->file->region);
    for (size_t i = 0; r >= 0 && i < KINDS; i++)
        r = gateway_list(s->a->client, kinds[i], buf_str(&query), &s->lists[i], s->e);
    return r;
}

static void note(struct state *s, const char *action, const char *kind, struct str name)
{
    cleanup_free char *text = str_dup(name);
    struct cJSON *row = cJSON_CreateObject();

    cJSON_AddStringToObject(row, "action", action);
    cJSON_AddStringToObject(row, "kind", kind);
    cJSON_AddStringToObject(row, "name", text);
    cJSON_AddItemToArray(s->a->done, row);
}

/* ---- names to ids ---- */

/* By its name; group: the name of its group, or empty where the kind has none. */
static const struct cJSON *look_up(const struct state *s, const char *kind, struct str group,
                                   struct str name)
{
    const struct cJSON *parent = group.n ? look_up(s, "group", STR_NONE, group) : NULL, *object;

    cJSON_ArrayForEach(object, s->lists[kind_of(kind)])
    {
        if (str_eq(view_text(object, "name"), name) &&
            (!parent || str_eq(view_text(object, "parent"), view_text(parent, "id"))))
            return object;
    }
    return NULL;
}

/* "@api:shop/hello": the group is what stands before the first '/' that leaves a known pair. */
static const struct cJSON *look_up_ref(const struct state *s, struct str ref)
{
    struct str rest = str_from(ref, 1), word = str_cut(&rest, ':');
    cleanup_free char *kind = str_dup(word);
    bool grouped = strcmp(kind, "api") == 0 || strcmp(kind, "response") == 0;

    if (!grouped)
        return look_up(s, kind, STR_NONE, rest);
    for (size_t i = 1; i < rest.n; i++)
        if (rest.p[i] == '/' && look_up(s, "group", STR_NONE, (struct str){rest.p, i})) {
            const struct cJSON *found =
                    look_up(s, kind, (struct str){rest.p, i}, str_from(rest, i + 1));

            if (found)
                return found;
        }
    return NULL;
}

static bool is_ref_key(const char *key)
{
    static const char *const keys[] = {"group_id",      "env_id", "api_id",
                                       "authorizer_id", "parent", "response_id"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (key && strcmp(keys[i], key) == 0)
            return true;
    return false;
}

static int resolve(struct state *s, struct cJSON *object)
{
    struct cJSON *item, *next;

    for (item = object->child; item; item = next) {
        const struct cJSON *found;

        next = item->next;
        if (cJSON_IsObject(item)) {
            int r = resolve(s, item);

            if (r < 0)
                return r;
        }
        if (!is_ref_key(item->string) || !cJSON_IsString(item) || item->valuestring[0] != '@')
            continue;
        found = look_up_ref(s, str_of(item->valuestring));
        if (!found)
            return err_set(s->e, ERR_CALLER, -EINVAL, "there is no %s", item->valuestring + 1);
        cJSON_SetValuestring(item, view_text(found, "id").p);
    }
    return 0;
}

/* ---- one wish ---- */

/* By which members two objects without names are the same one. */
static const struct {
    const char *kind, *members[3];
} same_by[] = {
        {"variable", {"group_id", "env_id", "variable_name"}},
        {"domain", {"url_domain"}},
        {"app_auth", {"api_id", "env_id"}},
        {"throttle_bind", {"api_id", "env_id"}},
};

static bool has_same_members(const struct cJSON *object, const struct cJSON *body, size_t row)
{
    for (size_t i = 0; i < ARRAY_LEN(same_by[row].members) && same_by[row].members[i]; i++)
        if (!str_eq(gateway_text(object, same_by[row].members[i]),
                    view_text(body, same_by[row].members[i])))
            return false;
    return true;
}

static struct cJSON *find_same(struct state *s, const struct cJSON *wish, const char *kind,
                               struct str parent)
{
    struct cJSON *object;
    size_t row = 0;

    while (row < ARRAY_LEN(same_by) && strcmp(same_by[row].kind, kind) != 0)
        row++;
    cJSON_ArrayForEach(object, s->lists[kind_of(kind)])
    {
        bool named = row == ARRAY_LEN(same_by) &&
                     str_eq(view_text(object, "name"), view_text(wish, "name"));

        if (!named &&
            (row == ARRAY_LEN(same_by) || !has_same_members(object, json_get(wish, "body"), row)))
            continue;
        if (parent.n == 0 || str_eq(view_text(object, "parent"), parent))
            return object;
    }
    return NULL;
}

/* What a file does not say of an app stays: its credentials. */
static void keep_credentials(struct cJSON *body, const struct cJSON *have)
{
    static const char *const keys[] = {"app_key", "app_secret"};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (!json_get(body, keys[i]) && json_get(json_get(have, "body"), keys[i]))
            cJSON_AddItemToObject(body, keys[i],
                                  cJSON_Duplicate(json_get(json_get(have, "body"), keys[i]), true));
}

static int send_object(struct state *s, const char *kind, const struct cJSON *have,
                       const struct cJSON *body, struct str parent, struct cJSON **ret)
{
    cleanup_with(json_freep) struct cJSON *request = cJSON_CreateObject();
    cleanup_with(buf_done) struct buf path, text;
    cleanup_free char *account = str_dup(s->file->account), *region = str_dup(s->file->region);
    cleanup_free char *dialect = str_dup(s->file->dialect);
    cleanup_free char *parent_text = str_dup(parent);

    buf_init(&path, PATH_TEXT);
    buf_init(&text, BODY_TEXT);
    gateway_path(kind, have ? view_text(have, "id") : STR_NONE, NULL, &path);
    cJSON_AddStringToObject(request, "dialect", dialect);
    cJSON_AddStringToObject(request, "account", account);
    cJSON_AddStringToObject(request, "region", region);
    if (parent.n)
        cJSON_AddStringToObject(request, "parent", parent_text);
    cJSON_AddItemToObject(request, "body", cJSON_Duplicate(body, true));
    json_print(request, &text);
    return gateway_send(s->a->client, have ? "PUT" : "POST", buf_str(&path),
                        s->a->dry_run ? S("dry_run=true") : STR_NONE, buf_str(&text), ret, s->e);
}

/* A name for people: "shop/hello". */
static void name_of(const struct cJSON *wish, struct buf *out)
{
    struct str group = view_text(wish, "group");

    if (group.n)
        buf_addf(out, "%.*s/", STR_ARG(group));
    buf_adds(out, view_text(wish, "name"));
}

/* In a dry run: what would be made stands in the lists under an id of its own, so that what names
 * it finds it. It cannot be tried against the daemon, which knows no such id. */
static bool names_a_draft(const struct cJSON *object)
{
    const struct cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        if (cJSON_IsString(item) && is_ref_key(item->string) &&
            str_starts(str_of(item->valuestring), S("new:")))
            return true;
        if (cJSON_IsObject(item) && names_a_draft(item))
            return true;
    }
    return false;
}

static struct cJSON *draft_of(const struct cJSON *wish, struct str parent)
{
    struct cJSON *draft = cJSON_CreateObject();
    cleanup_with(buf_done) struct buf id;
    cleanup_free char *parent_text = str_dup(parent);

    buf_init(&id, PATH_TEXT);
    buf_addz(&id, "new:");
    name_of(wish, &id);
    cJSON_AddStringToObject(draft, "id", id.p);
    cJSON_AddStringToObject(draft, "name", view_text(wish, "name").p);
    cJSON_AddStringToObject(draft, "parent", parent_text);
    cJSON_AddItemToObject(draft, "body", cJSON_Duplicate(json_get(wish, "body"), true));
    return draft;
}

static int grant(struct state *s, struct cJSON *wish)
{
    const char *kind = view_text(wish, "kind").p;
    struct cJSON *body = cJSON_GetObjectItemCaseSensitive(wish, "body"), *have, *now = NULL;
    const struct cJSON *group = NULL, *warning;
    cleanup_with(buf_done) struct buf name;
    struct str parent;
    int r = resolve(s, wish);

    buf_init(&name, PATH_TEXT);
    if (r < 0)
        return r;
    if (view_text(wish, "group").n)
        group = look_up(s, "group", STR_NONE, view_text(wish, "group"));
    parent = group ? view_text(group, "id") : view_text(wish, "parent");
    have = find_same(s, wish, kind, parent);
    name_of(wish, &name);
    if (have && strcmp(kind, "app") == 0)
        keep_credentials(body, have);
    if (have && cJSON_Compare(json_get(have, "body"), body, true)) {
        s->a->same++;
        cJSON_AddTrueToObject(have, "wanted");
        return 0;
    }
    if (s->a->dry_run && (names_a_draft(wish) || str_starts(parent, S("new:"))))
        now = draft_of(wish, parent);
    else
        r = send_object(s, kind, have, body, parent, &now);
    if (r < 0)
        return r;
    if (s->a->dry_run && !have) {
        json_free(now);
        now = draft_of(wish, parent);
    }
    note(s, have ? "changed" : "created", kind, buf_str(&name));
    cJSON_ArrayForEach(warning, json_get(now, "warnings")) if (cJSON_IsString(warning))
            fprintf(stderr, "warning: %s %s: %s\n", kind, name.p, warning->valuestring);
    cJSON_AddTrueToObject(now, "wanted");
    if (have)
        cJSON_ReplaceItemViaPointer(s->lists[kind_of(kind)], have, now);
    else
        cJSON_AddItemToArray(s->lists[kind_of(kind)], now);
    return 0;
}

/* ---- online, offline ---- */

/* What is called in that environment; NULL: nothing. */
static const struct cJSON *released(const struct state *s, struct str api, struct str env)
{
    const struct cJSON *release;

    cJSON_ArrayForEach(release, s->lists[kind_of("release")])
    {
        if (str_eq(view_text(release, "parent"), api) &&
            str_eq(gateway_text(release, "env_id"), env))
            return gateway_by_id(s->lists[kind_of("version")], gateway_text(release, "version_id"));
    }
    return NULL;
}

static int act(struct state *s, struct str api, const char *verb, struct str env)
{
    cleanup_with(json_freep) struct cJSON *request = cJSON_CreateObject();
    cleanup_with(buf_done) struct buf path, text;
    cleanup_free char *env_text = str_dup(env);

    buf_init(&path, PATH_TEXT);
    buf_init(&text, PATH_TEXT);
    if (s->a->dry_run)
        return 0;
    gateway_path("api", api, verb, &path);
    cJSON_AddStringToObject(request, "env", env_text);
    json_print(request, &text);
    return gateway_send(s->a->client, "POST", buf_str(&path), STR_NONE, buf_str(&text), NULL, s->e);
}

static void note_in(struct state *s, const char *action, const struct cJSON *wish, struct str env)
{
    cleanup_with(buf_done) struct buf name;

    buf_init(&name, PATH_TEXT);
    name_of(wish, &name);
    buf_addf(&name, " in %.*s", STR_ARG(gateway_env_name(s->lists[kind_of("env")], env)));
    note(s, action, "api", buf_str(&name));
}

static int put_online(struct state *s, const struct cJSON *wish, struct str api, struct str stage)
{
    const struct cJSON *env = look_up(s, "env", STR_NONE, stage), *version;
    struct str id = str_ieq(stage, S("RELEASE")) ? S(GATEWAY_RELEASE_ENV) : view_text(env, "id");
    int r;

    if (id.n == 0)
        return err_set(s->e, ERR_CALLER, -EINVAL, "there is no stage '%.*s'", STR_ARG(stage));
    version = released(s, api, id);
    if (version &&
        cJSON_Compare(json_get(json_get(version, "body"), "api"), json_get(wish, "body"), true))
        return 0;
    r = act(s, api, "publish", id);
    if (r >= 0)
        note_in(s, "published", wish, id);
    return r;
}

static bool is_stage_of(const struct state *s, const struct cJSON *wish, struct str env)
{
    struct str name = gateway_env_name(s->lists[kind_of("env")], env);
    const struct cJSON *stage;

    cJSON_ArrayForEach(stage, json_get(wish, "stages"))
    {
        if (str_ieq(str_of(stage->valuestring), name))
            return true;
    }
    return false;
}

static int publish(struct state *s, const struct cJSON *wish)
{
    const struct cJSON *api, *stage, *release;
    struct str id;
    int r = 0;

    api = look_up(s, "api", view_text(wish, "group"), view_text(wish, "name"));
    id = view_text(api, "id");
    cJSON_ArrayForEach(release, s->lists[kind_of("release")])
    {
        struct str env = gateway_text(release, "env_id");

        if (!str_eq(view_text(release, "parent"), id) || is_stage_of(s, wish, env))
            continue;
        r = act(s, id, "offline", env);
        if (r < 0)
            return r;
        note_in(s, "took offline", wish, env);
    }
    cJSON_ArrayForEach(stage, json_get(wish, "stages"))
    {
        r = put_online(s, wish, id, str_of(stage->valuestring));
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- what is not in the file ---- */

static int drop(struct state *s, const char *kind, const struct cJSON *object)
{
    cleanup_with(buf_done) struct buf path;
    struct str name = view_text(object, "name"), id = view_text(object, "id");
    int r = 0;

    buf_init(&path, PATH_TEXT);
    gateway_path(kind, id, NULL, &path);
    if (name.n == 0)
        name = gateway_text(object, "variable_name");
    if (!s->a->dry_run)
        r = gateway_send(s->a->client, "DELETE", buf_str(&path), STR_NONE, STR_NONE, NULL, s->e);
    if (r >= 0)
        note(s, "deleted", kind, name.n ? name : id);
    return r;
}

static bool is_wanted(const struct state *s, const char *kind, struct str id)
{
    return json_get(gateway_by_id(s->lists[kind_of(kind)], id), "wanted");
}

/* Of a group or an API of this file, and not in the file itself? */
static bool is_left_over(const struct state *s, const char *kind, const struct cJSON *object)
{
    bool of_api = strcmp(kind, "app_auth") == 0 || strcmp(kind, "throttle_bind") == 0;

    if (json_get(object, "wanted"))
        return false;
    return of_api ? is_wanted(s, "api", gateway_text(object, "api_id"))
                  : is_wanted(s, "group", view_text(object, "parent"));
}

static int drop_api(struct state *s, const struct cJSON *api)
{
    const struct cJSON *release;
    int r = 0;

    cJSON_ArrayForEach(release, s->lists[kind_of("release")])
    {
        if (r >= 0 && str_eq(view_text(release, "parent"), view_text(api, "id")))
            r = act(s, view_text(api, "id"), "offline", gateway_text(release, "env_id"));
    }
    return r < 0 ? r : drop(s, "api", api);
}

static int tidy(struct state *s)
{
    static const char *const order[] = {"throttle_bind", "app_auth", "api",
                                        "variable",      "domain",   "response"};
    const struct cJSON *object;

    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        cJSON_ArrayForEach(object, s->lists[kind_of(order[i])])
        {
            int r = 0;

            if (!is_left_over(s, order[i], object))
                continue;
            if (strcmp(order[i], "api") != 0)
                r = drop(s, order[i], object);
            else if (s->a->prune)
                r = drop_api(s, object);
            else
                fprintf(stderr, "api %s is not in the file and stays (--prune deletes it)\n",
                        view_text(object, "name").p);
            if (r < 0)
                return r;
        }
    return 0;
}

/* ---- all of it ---- */

static int apply(struct state *s)
{
    struct cJSON *wish;
    int r = fetch(s);

    if (r < 0)
        return r;
    cJSON_ArrayForEach(wish, s->file->wanted)
    {
        r = grant(s, wish);
        if (r < 0)
            return gateway_file_wrong(s->a->text, wish, s->e, r);
    }
    cJSON_ArrayForEach(wish, s->file->wanted)
    {
        r = strcmp(view_text(wish, "kind").p, "api") == 0 ? publish(s, wish) : 0;
        if (r < 0)
            return gateway_file_wrong(s->a->text, wish, s->e, r);
    }
    return tidy(s);
}

int gateway_apply(struct gateway_apply *a, const struct gateway_file *file, struct err *e)
{
    struct state s = {.a = a, .file = file, .e = e};
    int r = apply(&s);

    for (size_t i = 0; i < KINDS; i++)
        json_free(s.lists[i]);
    return r;
}
