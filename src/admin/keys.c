/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - access keys over the API: list, add, rotate, remove.
 *
 * A change is written to disk before it counts (auth/keys.h), so it is made on a worker thread;
 * two of them wait for each other there. A secret is told once, in the answer that made it.
 *
 * Another root secret voids the keys of all roles, which are derived from it: the invoker hears of
 * it, so that the next run of a function sees new ones.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "admin/handlers.h"
#include "api/api.h"
#include "auth/keys.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/key.h"
#include "invoke/invoke.h"
#include "loop/loop.h"

enum { CHANGE_MAGIC = 0x6b657921, KEY_JSON = 4096, LIST_MAX = 1 << 20 };

/* secret: shown only where it was made. */
static void put_key(struct jw *w, const struct key *key, bool secret)
{
    jw_obj(w);
    jw_kstrz(w, "access_key", key->access_key);
    if (secret)
        jw_kstrz(w, "secret_key", key->secret_key);
    jw_kstrz(w, "name", key->name);
    key_put_scope(w, key);
    jw_kstrz(w, "account", key->account);
    jw_kstrz(w, "dialect", key->dialect);
    jw_kbool(w, "root", key->root);
    jw_kint(w, "created_ms", key->created_ms);
    jw_kint(w, "used_ms", key->used_ms);
    if (key->ends_ms > clock_wall_ms())
        jw_kint(w, "ends_ms", key->ends_ms);
    jw_obj_end(w);
}

static bool list_one(void *user, const struct key *key)
{
    put_key(user, key, false);
    return true;
}

void admin_keys_list(struct call *c)
{
    struct buf body;
    struct jw w;

    buf_init(&body, LIST_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "keys");
    jw_arr(&w);
    keys_each(c->api->keys, list_one, &w);
    jw_arr_end(&w);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

/* ---- changes ---- */

struct change {
    uint32_t magic;
    struct call *call; /* ours to answer */
    struct keys *keys; /* borrowed: they outlive the loop's work */
    int (*make)(struct change *ch);
    struct key key; /* wanted, then made; secrets wiped at the end */
    char access_key[KEY_ACCESS];
    uint32_t grace_s;
    int r;
    struct err e;
};

static int make_add(struct change *ch)
{
    return keys_add(ch->keys, &ch->key, clock_wall_ms(), &ch->key, &ch->e);
}

static int make_rotate(struct change *ch)
{
    return keys_rotate(ch->keys, str_of(ch->access_key), ch->grace_s, clock_wall_ms(), &ch->key,
                       &ch->e);
}

static int make_remove(struct change *ch)
{
    return keys_remove(ch->keys, str_of(ch->access_key), &ch->e);
}

static void work_change(void *user)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);

    ch->r = ch->make(ch);
}

static void reply_changed(struct change *ch)
{
    struct call *c = ch->call;
    struct buf body;
    struct jw w;

    if (ch->r == -EPERM) {
        call_fail(c, 409, NULL, "%s", ch->e.msg);
    } else if (ch->r < 0) {
        call_fail_err(c, NULL, &ch->e);
    } else if (ch->make == make_remove) {
        call_reply(c, 204, STR_NONE, STR_NONE);
    } else {
        buf_init(&body, KEY_JSON);
        jw_init(&w, &body);
        put_key(&w, &ch->key, true);
        call_reply_buf(c, ch->make == make_add ? 201 : 200, S("application/json"), &body);
    }
}

static void done_change(void *user)
{
    struct change *ch = OBJ(user, struct change, CHANGE_MAGIC);
    struct role_root roles;

    if (ch->r == 0 && ch->key.root) {
        roles = keys_role_root(ch->keys);
        invoker_set_roles(ch->call->api->invoker, &roles);
        explicit_bzero(&roles, sizeof(roles));
    }
    reply_changed(ch);
    key_wipe(&ch->key);
    ch->magic = 0;
    free(ch);
}

static struct change *change_new(struct call *c, int (*make)(struct change *ch))
{
    struct change *ch = xnew(struct change);

    ch->magic = CHANGE_MAGIC;
    ch->call = c;
    ch->keys = c->api->keys;
    ch->make = make;
    return ch;
}

static void begin(struct change *ch)
{
    loop_work(ch->call->api->loop, work_change, done_change, ch);
}

/* ---- what is wanted ---- */

static int get_text(const struct cJSON *body, const char *name, char *out, size_t size,
                    struct err *e)
{
    struct str text = STR_NONE;
    int r = json_str(body, name, false, &text, e);

    if (r == 0 && text.n >= size)
        return err_set(e, ERR_CALLER, -EINVAL, "%s has at most %zu characters", name, size - 1);
    if (r == 0 && text.n)
        memcpy(out, text.p, text.n);
    return r;
}

static int get_scope(const struct cJSON *body, struct key *key, struct err *e)
{
    const struct cJSON *list = json_get(body, "scope"), *word;

    if (!cJSON_IsArray(list))
        return err_set(e, ERR_CALLER, -EINVAL, "scope must be a list of words");
    cJSON_ArrayForEach(word, list)
    {
        int bit = cJSON_IsString(word) ? key_scope_of(str_of(word->valuestring)) : -EINVAL;

        if (bit < 0)
            return err_set(e, ERR_CALLER, -EINVAL,
                           "scope is one or more of read, invoke, deploy, metrics, admin, not "
                           "'%.32s'",
                           cJSON_IsString(word) ? word->valuestring : "?");
        key->scope |= (uint8_t)bit;
    }
    return 0;
}

static int check_names(const struct cJSON *body, const char *const *known, size_t n, struct err *e)
{
    const struct cJSON *stranger;

    if (!cJSON_IsObject(body))
        return err_set(e, ERR_CALLER, -EINVAL, "the body must be a JSON object");
    stranger = json_stranger(body, known, n);
    if (stranger)
        return err_set(e, ERR_CALLER, -EINVAL, "there is no setting '%.64s'", stranger->string);
    return 0;
}

static int parse_wanted(const struct cJSON *body, struct key *key, struct err *e)
{
    static const char *const known[] = {"name", "scope", "account", "dialect"};
    enum dialect d;
    int r = check_names(body, known, ARRAY_LEN(known), e);

    if (r == 0)
        r = get_text(body, "name", key->name, sizeof(key->name), e);
    if (r == 0)
        r = get_text(body, "account", key->account, sizeof(key->account), e);
    if (r == 0)
        r = get_text(body, "dialect", key->dialect, sizeof(key->dialect), e);
    if (r == 0 && key->dialect[0] && dialect_of(str_of(key->dialect), &d) < 0)
        r = err_set(e, ERR_CALLER, -EINVAL, "dialect '%s' is not one of functiongraph, fc, scf",
                    key->dialect);
    return r == 0 ? get_scope(body, key, e) : r;
}

static void give_up(struct change *ch, struct call *c, const struct err *e)
{
    key_wipe(&ch->key);
    free(ch);
    call_fail_err(c, NULL, e);
}

void admin_keys_add(struct call *c)
{
    struct err e = {0};
    cleanup_with(json_freep) struct cJSON *body = call_json(c, &e);
    struct change *ch = change_new(c, make_add);

    if (!body || parse_wanted(body, &ch->key, &e) < 0)
        give_up(ch, c, &e);
    else
        begin(ch); /* -> done_change */
}

/* The key a path names; what is too long is nobody's. */
static void name_key(struct change *ch, struct str access_key)
{
    size_t n = access_key.n < KEY_ACCESS ? access_key.n : KEY_ACCESS - 1;

    memcpy(ch->access_key, access_key.p, n);
}

void admin_keys_rotate(struct call *c)
{
    static const char *const known[] = {"grace_s"};
    struct err e = {0};
    cleanup_with(json_freep) struct cJSON *body = c->req->body.n ? call_json(c, &e) : NULL;
    struct change *ch = change_new(c, make_rotate);
    int64_t grace_s = 0;

    if (c->req->body.n && (!body || check_names(body, known, ARRAY_LEN(known), &e) < 0 ||
                           json_int(body, "grace_s", false, 0, KEY_GRACE_S, &grace_s, &e) < 0)) {
        give_up(ch, c, &e);
        return;
    }
    ch->grace_s = (uint32_t)grace_s;
    name_key(ch, c->captures[0]);
    begin(ch); /* -> done_change */
}

void admin_keys_remove(struct call *c)
{
    struct change *ch = change_new(c, make_remove);

    name_key(ch, c->captures[0]);
    begin(ch); /* -> done_change */
}
