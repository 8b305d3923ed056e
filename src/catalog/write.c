/* SPDX-License-Identifier: Apache-2.0 */
/*
 * write.c - a change to the catalog: compare, commit, and only then believe it.
 *
 * One write per lane is under way at a time; the next waits and is judged by what the first left, so
 * of two updates that started from the same revision the second is told -ESTALE without bothering
 * the store. A function, its triggers, versions and aliases are one lane, a space and its aliases
 * another, any other key is one by itself. Writes of different lanes run together and share commits.
 *
 *   WAIT --turn--> check --txn--> committed: table, on_change, completion
 *                    |   |
 *                    |   +-- -EAGAIN, -EINPROGRESS: pause, the same txn again, up to TRIES
 *                    |   +-- -ESTALE: look at what is there
 *                    +-- refused by the table: completion
 *
 * -EINPROGRESS means that the txn may have been applied. Repeating it with the same compares is
 * safe: it cannot be applied twice. But if it had been, the repetition is told -ESTALE by our own
 * first try. So -ESTALE always ends in reading the key: if it holds what we wanted, we have won. If
 * not, the table adopts what the store says, which also repairs it after a write whose outcome we
 * never learned.
 *
 * A function is created with a compare on its space's revision, where the space is an object: a
 * space that is deleted at the same moment fails one of the two. A trigger is created with a compare
 * on its function's revision, and a function is deleted together with every trigger it has: their
 * lane is one, so none can slip in between. Versions and aliases likewise; what does not fit into one
 * transaction follows (write_kin.c).
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"
#include "catalog/write.h"
#include "loop/loop.h"
#include "store/kv.h"

enum { TRIES = 10, FIRST_PAUSE_MS = 1 };

enum { VALUE_MAX = 16 << 20 };

static_assert(1 + TRIGGERS_PER_FUNCTION <= KV_OPS, "a function goes together with its triggers");

static void start_next(struct catalog *c, struct str lane);
static void put(struct write *w);
static void sweep(struct write *w);

static struct str lane_of(const struct write *w)
{
    bool owned = w->kind == &trigger_kind || w->kind == &frozen_kind || w->kind == &alias_kind;

    return buf_str(owned ? &w->owner : &w->key);
}

static void bury(void *user)
{
    struct write *w = OBJ(user, struct write, WRITE_MAGIC);

    loop_timer_free(w->pause);
    w->kind->unref(w->draft);
    write_doomed_done(w);
    buf_done(&w->key);
    buf_done(&w->value);
    buf_done(&w->owner);
    w->magic = 0;
    free(w);
}

/* The end of every write: table first, then the caller, then whoever waited in this lane. */
static void finish(struct write *w, int r)
{
    struct catalog *c = w->c;
    const void *now = NULL;

    list_remove(&w->node);
    if (r == 0 && w->verb != DELETE)
        now = table_get(table_of(c, w->kind), write_path(w));
    if (w->kind == &fn_kind || w->kind == &frozen_kind)
        w->done.fn(w->user, r, now);
    else if (w->kind == &alias_kind)
        w->done.alias(w->user, r, now);
    else if (w->kind == &space_kind)
        w->done.space(w->user, r, now);
    else if (w->kind == &trigger_kind)
        w->done.trigger(w->user, r, now);
    else
        w->done.resource(w->user, r, now);
    start_next(c, lane_of(w));
    catalog_ended(c);
    bury(w);
}

static bool has_kin(const struct write *w)
{
    return w->kind == &fn_kind || w->kind == &space_kind;
}

static void committed(struct write *w, uint64_t rev)
{
    if (w->draft)
        w->kind->stamp(w->draft, rev);
    write_forget_doomed(w);
    catalog_install(w->c, w->kind, write_path(w), TAKE_PTR(w->draft));
    if (w->verb == DELETE && has_kin(w) && write_doom(w, KV_OPS) > 0) {
        w->gone = true;
        sweep(w);
    } else {
        finish(w, 0);
    }
}

/* The store knows better than the table. */
static void adopt(struct write *w, const struct kv_item *item)
{
    const void *have = table_get(table_of(w->c, w->kind), write_path(w)), *record = NULL;
    struct err e = {0};

    if (!item) {
        if (have)
            catalog_install(w->c, w->kind, write_path(w), NULL);
        return;
    }
    if (have && w->kind->revision(have) == item->rev)
        return;
    if (w->kind->decode(item->value, item->rev, &record, &e) < 0)
        log_err(NULL, "record '%s' not taken over, ignoring: %s", w->key.p, e.msg);
    else
        catalog_install(w->c, w->kind, write_path(w), record);
}

static bool as_wanted(const struct write *w, const struct kv_item *item)
{
    if (w->verb == DELETE)
        return !item;
    return item && str_eq(item->value, buf_str(&w->value));
}

static void retry(struct write *w, int r, loop_fn *again)
{
    if (++w->tries >= TRIES) {
        finish(w, r);
        return;
    }
    loop_timer_free(w->pause);
    w->pause = loop_timer_new(w->c->loop, again, w);
    loop_timer_start(w->pause, (uint64_t)FIRST_PAUSE_MS << w->tries);
}

static void look(void *user);

static void on_looked(void *user, int r, const struct kv_item *item)
{
    struct write *w = OBJ(user, struct write, WRITE_MAGIC);

    if (r == -EAGAIN || r == -EINPROGRESS) {
        retry(w, r, look);
    } else if (r < 0) {
        finish(w, r);
    } else if (w->unknown && as_wanted(w, item)) {
        committed(w, item ? item->rev : 0);
    } else {
        adopt(w, item);
        finish(w, w->verb == CREATE && item ? -EEXIST : -ESTALE);
    }
}

static void look(void *user)
{
    struct write *w = OBJ(user, struct write, WRITE_MAGIC);

    kv_get(w->c->kv, buf_str(&w->key), 0, on_looked, w);
}

static void put_again(void *user)
{
    put(OBJ(user, struct write, WRITE_MAGIC));
}

static void on_put(void *user, int r, uint64_t rev)
{
    struct write *w = OBJ(user, struct write, WRITE_MAGIC);

    if (r == 0) {
        committed(w, rev);
    } else if (r == -ESTALE) {
        look(w);
    } else if (r == -EAGAIN || r == -EINPROGRESS) {
        w->unknown |= r == -EINPROGRESS;
        retry(w, r, put_again);
    } else {
        finish(w, r);
    }
}

static void put(struct write *w)
{
    struct kv_compare compares[2] = {{buf_str(&w->key), w->expect},
                                     {buf_str(&w->owner), w->owner_rev}};
    struct kv_op ops[KV_OPS] = {{w->verb == DELETE, buf_str(&w->key), buf_str(&w->value)}};
    struct buf keys;

    buf_init(&keys, (size_t)KV_OPS * KEY_ROOM);
    write_doomed_ops(w, &keys, ops + 1);
    kv_txn(w->c->kv,
           &(struct kv_txn){
                   .compares = compares,
                   .ncompares = w->owner_rev > 0 ? 2 : 1,
                   .ops = ops,
                   .nops = 1 + w->ndoomed,
           },
           on_put, w);
    buf_done(&keys);
}

/* ---- what is left of a function that is no more ---- */

static void sweep_again(void *user)
{
    sweep(OBJ(user, struct write, WRITE_MAGIC));
}

static void on_swept(void *user, int r, uint64_t rev)
{
    struct write *w = OBJ(user, struct write, WRITE_MAGIC);

    (void)rev;
    if ((r == -EAGAIN || r == -EINPROGRESS) && w->tries + 1 < TRIES) {
        retry(w, r, sweep_again);
    } else if (r < 0) {
        finish(w, w->gone ? 0 : r); /* it goes at the next start, or before there is one again */
    } else {
        write_forget_doomed(w);
        if (write_doom(w, KV_OPS) > 0)
            sweep(w);
        else if (w->gone)
            finish(w, 0);
        else
            put(w);
    }
}

/* While there is no such function. */
static void sweep(struct write *w)
{
    struct kv_compare none = {buf_str(&w->key), 0};
    struct kv_op ops[KV_OPS];
    struct buf keys;

    buf_init(&keys, (size_t)KV_OPS * KEY_ROOM);
    write_doomed_ops(w, &keys, ops);
    kv_txn(w->c->kv,
           &(struct kv_txn){.compares = &none, .ncompares = 1, .ops = ops, .nops = w->ndoomed},
           on_swept, w);
    buf_done(&keys);
}

static void start(void *user)
{
    struct write *w = OBJ(user, struct write, WRITE_MAGIC);
    int r = write_check(w);

    if (r < 0) {
        finish(w, r);
    } else {
        w->allowed = true;
        if (has_kin(w) && w->verb == CREATE && write_doom(w, KV_OPS) > 0) {
            sweep(w);
            return;
        }
        if (has_kin(w) && w->verb == DELETE)
            (void)write_doom(w, KV_OPS - 1);
        put(w);
    }
}

/* Start the first write of this lane, if it is not under way. Deferred, never at once: nobody is
 * called back from inside his own call. */
static void start_next(struct catalog *c, struct str lane)
{
    list_each (it, &c->writes) {
        struct write *w = container_of(it, struct write, node);

        if (!str_eq(lane_of(w), lane))
            continue;
        if (!w->running) {
            w->running = true;
            loop_defer(c->loop, start, w);
        }
        return;
    }
}

static struct write *write_begin(struct catalog *c, const struct kind *kind, enum verb verb,
                                 void *user)
{
    struct write *w = xnew(struct write);

    w->magic = WRITE_MAGIC;
    w->c = c;
    w->kind = kind;
    w->verb = verb;
    w->user = user;
    buf_init(&w->key, KEY_ROOM);
    buf_init(&w->value, VALUE_MAX);
    buf_init(&w->owner, KEY_ROOM);
    buf_addz(&w->key, kind->prefix);
    return w;
}

static struct write *write_new(struct catalog *c, const struct kind *kind, enum verb verb,
                               const struct fn_key *key, void *user)
{
    struct write *w = write_begin(c, kind, verb, user);

    fn_key_path(key, &w->key);
    return w;
}

static void submit(struct write *w)
{
    catalog_began(w->c);
    list_push_back(&w->c->writes, &w->node);
    start_next(w->c, lane_of(w));
}

static void submit_fn(struct catalog *c, enum verb verb, struct fn *draft, catalog_fn *fn,
                      void *user)
{
    struct fn_key key = fn_key_of(draft), space = key;
    struct write *w = write_new(c, &fn_kind, verb, &key, user);

    space.name = STR_NONE;
    buf_addz(&w->owner, space_kind.prefix);
    fn_key_path(&space, &w->owner);
    w->expect = verb == CREATE ? 0 : draft->revision;
    w->draft = draft;
    w->done.fn = fn;
    fn_encode(draft, &w->value);
    submit(w);
}

void catalog_create(struct catalog *c, struct fn *draft, catalog_fn *fn, void *user)
{
    submit_fn(c, CREATE, draft, fn, user);
}

void catalog_update(struct catalog *c, struct fn *draft, catalog_fn *fn, void *user)
{
    if (draft->published_ms != 0) {
        catalog_update_version(c, draft, fn, user);
        return;
    }
    submit_fn(c, UPDATE, draft, fn, user);
}

void catalog_delete(struct catalog *c, const struct fn_key *key, catalog_fn *fn, void *user)
{
    struct write *w = write_new(c, &fn_kind, DELETE, key, user);

    w->done.fn = fn;
    submit(w);
}

static void submit_space(struct catalog *c, enum verb verb, struct space *draft,
                         catalog_space_fn *fn, void *user)
{
    struct fn_key key = {
            .dialect = draft->dialect,
            .account = str_of(draft->account),
            .region = str_of(draft->region),
            .space = str_of(draft->name),
    };
    struct write *w = write_new(c, &space_kind, verb, &key, user);

    w->draft = draft;
    w->expect = draft->revision;
    w->done.space = fn;
    space_encode(draft, &w->value);
    submit(w);
}

void catalog_create_space(struct catalog *c, struct space *draft, catalog_space_fn *fn, void *user)
{
    submit_space(c, CREATE, draft, fn, user);
}

void catalog_update_space(struct catalog *c, struct space *draft, catalog_space_fn *fn, void *user)
{
    submit_space(c, UPDATE, draft, fn, user);
}

void catalog_delete_space(struct catalog *c, const struct fn_key *key, catalog_space_fn *fn,
                          void *user)
{
    struct fn_key space = *key;
    struct write *w;

    space.name = STR_NONE;
    w = write_new(c, &space_kind, DELETE, &space, user);
    w->done.space = fn;
    submit(w);
}

static struct write *write_trigger(struct catalog *c, enum verb verb, const struct fn_key *function,
                                   struct str id, catalog_trigger_fn *fn, void *user)
{
    struct write *w = write_new(c, &trigger_kind, verb, function, user);

    w->done.trigger = fn;
    buf_addc(&w->key, '/');
    buf_adds(&w->key, id);
    buf_addz(&w->owner, fn_kind.prefix);
    fn_key_path(function, &w->owner);
    return w;
}

static void submit_trigger(struct catalog *c, enum verb verb, struct trigger *draft,
                           catalog_trigger_fn *fn, void *user)
{
    struct fn_key function = trigger_key(draft);
    struct write *w = write_trigger(c, verb, &function, str_of(draft->id), fn, user);

    w->expect = verb == CREATE ? 0 : draft->revision;
    w->draft = draft;
    trigger_encode(draft, &w->value);
    submit(w);
}

void catalog_create_trigger(struct catalog *c, struct trigger *draft, catalog_trigger_fn *fn,
                            void *user)
{
    submit_trigger(c, CREATE, draft, fn, user);
}

void catalog_update_trigger(struct catalog *c, struct trigger *draft, catalog_trigger_fn *fn,
                            void *user)
{
    submit_trigger(c, UPDATE, draft, fn, user);
}

/* An unknown one has no function: the check finds no such row and says so. */
void catalog_delete_trigger(struct catalog *c, struct str id, catalog_trigger_fn *fn, void *user)
{
    const struct trigger *t = catalog_trigger(c, id);
    struct fn_key function = t ? trigger_key(t) : (struct fn_key){0};

    submit(write_trigger(c, DELETE, &function, id, fn, user));
}

static struct write *write_owned(struct catalog *c, const struct kind *kind, enum verb verb,
                                 const struct fn_key *owner, struct str name, void *user)
{
    struct write *w = write_begin(c, kind, verb, user);

    catalog_version_path(owner, name, &w->key);
    buf_addz(&w->owner, owner->name.n > 0 ? fn_kind.prefix : space_kind.prefix);
    fn_key_path(owner, &w->owner);
    return w;
}

static void submit_version(struct catalog *c, enum verb verb, struct fn *draft, catalog_fn *fn,
                           void *user)
{
    struct fn_key key = fn_key_of(draft);
    struct write *w = write_owned(c, &frozen_kind, verb, &key, str_of(draft->version), user);

    assert(!qualifier_is_latest(str_of(draft->version)));
    if (draft->published_ms == 0)
        draft->published_ms = clock_wall_ms(); /* what tells a version from its function */
    w->done.fn = fn;
    w->expect = verb == CREATE ? 0 : draft->revision;
    w->draft = draft;
    fn_encode(draft, &w->value);
    submit(w);
}

void catalog_publish(struct catalog *c, struct fn *draft, catalog_fn *fn, void *user)
{
    submit_version(c, CREATE, draft, fn, user);
}

void catalog_update_version(struct catalog *c, struct fn *draft, catalog_fn *fn, void *user)
{
    submit_version(c, UPDATE, draft, fn, user);
}

void catalog_delete_version(struct catalog *c, const struct fn_key *key, struct str version,
                            catalog_fn *fn, void *user)
{
    struct write *w = write_owned(c, &frozen_kind, DELETE, key, version, user);

    w->done.fn = fn;
    submit(w);
}

static void submit_alias(struct catalog *c, enum verb verb, struct alias *draft,
                         catalog_alias_fn *fn, void *user)
{
    struct fn_key owner = alias_owner(draft);
    struct write *w = write_owned(c, &alias_kind, verb, &owner, str_of(draft->name), user);

    w->done.alias = fn;
    w->expect = verb == CREATE ? 0 : draft->revision;
    w->draft = draft;
    alias_encode(draft, &w->value);
    submit(w);
}

void catalog_create_alias(struct catalog *c, struct alias *draft, catalog_alias_fn *fn, void *user)
{
    submit_alias(c, CREATE, draft, fn, user);
}

void catalog_update_alias(struct catalog *c, struct alias *draft, catalog_alias_fn *fn, void *user)
{
    submit_alias(c, UPDATE, draft, fn, user);
}

void catalog_delete_alias(struct catalog *c, const struct fn_key *owner, struct str name,
                          catalog_alias_fn *fn, void *user)
{
    struct write *w = write_owned(c, &alias_kind, DELETE, owner, name, user);

    w->done.alias = fn;
    submit(w);
}

static struct write *write_resource(struct catalog *c, enum verb verb, struct str kind,
                                    struct str id, catalog_resource_fn *fn, void *user)
{
    struct write *w = write_begin(c, &resource_kind, verb, user);

    w->done.resource = fn;
    catalog_resource_path(kind, id, &w->key);
    return w;
}

static void submit_resource(struct catalog *c, enum verb verb, struct resource *draft,
                            catalog_resource_fn *fn, void *user)
{
    struct write *w = write_resource(c, verb, str_of(draft->kind), str_of(draft->id), fn, user);

    w->expect = verb == CREATE ? 0 : draft->revision;
    w->draft = draft;
    resource_encode(draft, &w->value);
    submit(w);
}

void catalog_create_resource(struct catalog *c, struct resource *draft, catalog_resource_fn *fn,
                             void *user)
{
    submit_resource(c, CREATE, draft, fn, user);
}

void catalog_update_resource(struct catalog *c, struct resource *draft, catalog_resource_fn *fn,
                             void *user)
{
    submit_resource(c, UPDATE, draft, fn, user);
}

void catalog_delete_resource(struct catalog *c, struct str kind, struct str id,
                             catalog_resource_fn *fn, void *user)
{
    submit(write_resource(c, DELETE, kind, id, fn, user));
}
