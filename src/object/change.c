/* SPDX-License-Identifier: Apache-2.0 */
/*
 * change.c - one object's record, replaced or removed.
 *
 *   read what is there -> are there limits against it? -> write, if it is still the same -> tell
 *
 * The bucket's sum goes into the same transaction, so it is right after any crash. In memory it counts
 * what is on its way as well; a write that fails takes its part back, and the next one that
 * succeeds writes the right sum down. A write whose outcome is unknown is asked for again: the compare
 * tells whether it had happened.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "object/internal.h"

enum { CHANGE_MAGIC = 0x4f434847, TRIES = 20 };

struct change {
    uint32_t magic;
    struct objects *o;
    struct bucket *b; /* busy, so it stays */
    struct buf key, value, also;
    uint64_t also_rev;
    const char *how;
    struct object ob; /* what it becomes; how "delete": nothing */
    bool removes;
    int64_t more, more_bytes; /* what the sum was told of */
    uint32_t tries;
    objects_fn *fn;
    void *user;
};

static void count(struct change *c, int64_t more, int64_t bytes)
{
    c->more = more;
    c->more_bytes = bytes;
    c->b->objects += (uint64_t)more;
    c->b->bytes += (uint64_t)bytes;
    c->o->objects += (uint64_t)more;
    c->o->bytes += (uint64_t)bytes;
}

static void take_back(struct change *c)
{
    count(c, -c->more, -c->more_bytes);
    c->more = c->more_bytes = 0;
}

static void tell(struct change *c)
{
    struct object_event x = {.bucket = c->b,
                             .key = str_from(buf_str(&c->key), strlen("object/") + OBJECT_ID),
                             .how = c->how,
                             .ob = c->removes ? NULL : &c->ob};

    if (c->o->on_event)
        c->o->on_event(c->o->on_event_user, &x);
}

static void end(struct change *c, int r)
{
    struct objects *o = c->o;

    c->b->busy--;
    if (r == 0)
        tell(c);
    c->fn(c->user, r);
    buf_done(&c->key);
    buf_done(&c->value);
    buf_done(&c->also);
    object_done(&c->ob);
    c->magic = 0;
    free(c);
    objects_ended(o);
}

static void on_old(void *user, int r, const struct kv_item *item);

static void again(struct change *c)
{
    kv_get(c->o->kv, buf_str(&c->key), 0, on_old, c);
}

static void on_written(void *user, int r, uint64_t rev)
{
    struct change *c = OBJ(user, struct change, CHANGE_MAGIC);

    (void)rev;
    if (r == 0) {
        end(c, 0);
        return;
    }
    take_back(c);
    if (r == -ESTALE && c->also.n > 0 && c->tries >= 3)
        r = -ENOENT; /* not the object, which nobody changes so often: what was to go with it is gone */
    if ((r == -ESTALE || r == -EAGAIN || r == -EINPROGRESS) && ++c->tries < TRIES)
        again(c);
    else
        end(c, r == -ESTALE ? -EAGAIN : r);
}

static void write_it(struct change *c, uint64_t old_rev)
{
    struct kv_compare compares[2] = {{buf_str(&c->key), old_rev}, {buf_str(&c->also), c->also_rev}};
    char sum_key[32], sum[64];
    struct kv_op ops[3] = {{.del = c->removes, .key = buf_str(&c->key)}};
    struct kv_txn txn = {.compares = compares, .ncompares = 1, .ops = ops, .nops = 2};

    (void)snprintf(sum_key, sizeof(sum_key), "object-sum/%s", c->b->id);
    (void)snprintf(sum, sizeof(sum), "%llu %llu", (unsigned long long)c->b->objects,
                   (unsigned long long)c->b->bytes);
    if (!c->removes)
        ops[0].value = buf_str(&c->value);
    ops[1] = (struct kv_op){.key = str_of(sum_key), .value = str_of(sum)};
    if (c->also.n > 0) {
        ops[2] = (struct kv_op){.del = true, .key = buf_str(&c->also)};
        txn.ncompares = 2;
        txn.nops = 3;
    }
    kv_txn(c->o->kv, &txn, on_written, c);
}

static bool has_room(const struct change *c, bool is_new, uint64_t old_size)
{
    const struct objects *o = c->o;

    return (!is_new || o->objects < o->most) && o->bytes - old_size + c->ob.size <= o->most_bytes;
}

static void on_old(void *user, int r, const struct kv_item *item)
{
    struct change *c = OBJ(user, struct change, CHANGE_MAGIC);
    uint64_t old_size = 0, old_rev = 0;
    struct object old;

    if (r == 0 && item) {
        old_rev = item->rev;
        if (object_decode(item->value, &old) == 0) { /* a damaged one counts as empty */
            old_size = old.size;
            object_done(&old);
        }
    }
    if (r == 0 && !(buf_ok(&c->key) && buf_ok(&c->value)))
        r = -E2BIG;
    if (r == 0 && c->removes && !item)
        r = -ENOENT;
    if (r == 0 && !c->removes && !has_room(c, !item, old_size))
        r = -EDQUOT;
    if (r < 0) {
        end(c, r);
        return;
    }
    count(c, c->removes ? -1 : item ? 0 : 1, (int64_t)c->ob.size - (int64_t)old_size);
    write_it(c, old_rev);
}

void objects_change(struct objects *o, const struct object_change *what, objects_fn *fn, void *user)
{
    struct change *c = xnew(struct change);

    c->magic = CHANGE_MAGIC;
    c->o = o;
    c->b = bucket_of(o, what->bucket);
    assert(c->b);
    c->b->busy++;
    c->how = what->how;
    c->removes = !what->ob;
    c->fn = fn;
    c->user = user;
    c->also_rev = what->also_rev;
    buf_init(&c->key, KEY_MAX);
    buf_init(&c->value, RECORD_MAX);
    buf_init(&c->also, KEY_MAX);
    buf_addf(&c->key, "object/%s/", c->b->id);
    buf_adds(&c->key, what->key);
    buf_adds(&c->also, what->also);
    if (what->ob) {
        object_copy(what->ob, &c->ob);
        object_encode(&c->ob, &c->value);
    }
    objects_began(o);
    again(c);
}
