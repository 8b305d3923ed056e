/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store.c - buckets, in memory, and finding and listing objects, which are not.
 *
 * A listing reads the store a page at a time and gives rows on as it finds them. With a delimiter it
 * leaps over what lies under a common prefix: the next page begins behind every key that starts so
 * (0xff is in no key, keys are UTF-8).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"
#include "loop/loop.h"
#include "object/internal.h"
#include "object/remote.h"
#include "store/blob.h"

enum { BUCKET_MAGIC = 0x4f424b54, LIST_MAGIC = 0x4f424c53, FIND_MAGIC = 0x4f424644 };

/* ---- names ---- */

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool bucket_name_is_valid(struct str name)
{
    char text[OBJECT_BUCKET_MAX + 1];
    struct in_addr address;

    if (name.n < OBJECT_BUCKET_MIN || name.n > OBJECT_BUCKET_MAX || !is_plain(name.p[0]) ||
        !is_plain(name.p[name.n - 1]))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!is_plain(name.p[i]) && name.p[i] != '-' && (name.p[i] != '.' || name.p[i - 1] == '.'))
            return false;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    return inet_pton(AF_INET, text, &address) != 1;
}

bool object_key_is_valid(struct str key)
{
    return key.n > 0 && key.n <= OBJECT_KEY && str_utf8(key) && !str_has(key, '\0');
}

/* ---- buckets in memory ---- */

/* Where it is, or ought to be. */
static uint32_t place_of(const struct objects *o, struct str name)
{
    uint32_t low = 0, high = o->nbuckets;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (str_cmp(str_of(o->buckets[mid]->name), name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Also one that is being made or dropped. */
static struct bucket *any_of(const struct objects *o, struct str name)
{
    uint32_t i = place_of(o, name);

    return i < o->nbuckets && str_eq(str_of(o->buckets[i]->name), name) ? o->buckets[i] : NULL;
}

struct bucket *bucket_of(const struct objects *o, struct str name)
{
    struct bucket *b = any_of(o, name);

    return b && !b->hidden ? b : NULL;
}

const struct bucket *objects_bucket(const struct objects *o, struct str name)
{
    return bucket_of(o, name);
}

void objects_each_bucket(const struct objects *o, bool (*fn)(void *user, const struct bucket *b),
                         void *user)
{
    for (uint32_t i = 0; i < o->nbuckets; i++)
        if (!o->buckets[i]->hidden && !fn(user, o->buckets[i]))
            return;
}

static void insert(struct objects *o, struct bucket *b) /* taken */
{
    uint32_t at = place_of(o, str_of(b->name));

    o->buckets = xrealloc(o->buckets, o->nbuckets + 1, sizeof(struct bucket *));
    memmove(&o->buckets[at + 1], &o->buckets[at], (o->nbuckets - at) * sizeof(struct bucket *));
    o->buckets[at] = b;
    o->nbuckets++;
}

static void take_out(struct objects *o, const struct bucket *b)
{
    uint32_t at = place_of(o, str_of(b->name));

    o->nbuckets--;
    memmove(&o->buckets[at], &o->buckets[at + 1], (o->nbuckets - at) * sizeof(struct bucket *));
}

void objects_began(struct objects *o)
{
    o->busy++;
    o->idle = false;
}

void objects_ended(struct objects *o)
{
    o->idle = --o->busy == 0;
}

/* ---- making and dropping them ---- */

struct bucket_job {
    uint32_t magic;
    struct objects *o;
    struct bucket *b; /* owned while it is made */
    bool drops;
    objects_fn *fn;
    void *user;
};

static void end_bucket(struct bucket_job *j, int r)
{
    struct objects *o = j->o;
    bool gone = (r == 0) == j->drops;

    j->b->hidden = false;
    if (gone)
        take_out(o, j->b);
    j->fn(j->user, r);
    if (gone)
        bucket_free(j->b); /* nobody found it, so that nobody has it */
    j->magic = 0;
    free(j);
    objects_ended(o);
}

static void on_bucket(void *user, int r, uint64_t rev)
{
    struct bucket_job *j = OBJ(user, struct bucket_job, BUCKET_MAGIC);

    (void)rev;
    end_bucket(j, r);
}

static void write_bucket(struct bucket_job *j)
{
    char key[OBJECT_BUCKET_MAX + 16], sum[32];
    cleanup_with(buf_done) struct buf value;
    struct kv_op ops[2] = {{.del = j->drops}, {.del = true}};
    struct kv_txn txn = {.ops = ops, .nops = j->drops ? 2 : 1};

    buf_init(&value, 4096);
    bucket_encode(j->b, &value);
    (void)snprintf(key, sizeof(key), "bucket/%s", j->b->name);
    (void)snprintf(sum, sizeof(sum), "object-sum/%s", j->b->id);
    ops[0].key = str_of(key);
    ops[0].value = j->drops ? STR_NONE : buf_str(&value);
    ops[1].key = str_of(sum);
    objects_began(j->o);
    kv_txn(j->o->kv, &txn, on_bucket, j);
}

struct refusal {
    struct objects *o;
    int r;
    objects_fn *fn;
    void *user;
};

static void refuse_later(void *user)
{
    struct refusal *x = user;

    x->fn(x->user, x->r);
    objects_ended(x->o);
    free(x);
}

static void refuse(struct objects *o, int r, objects_fn *fn, void *user)
{
    struct refusal *x = xnew(struct refusal);

    *x = (struct refusal){.o = o, .r = r, .fn = fn, .user = user};
    objects_began(o);
    loop_defer(o->loop, refuse_later, x);
}

void objects_make_bucket(struct objects *o, struct str name, struct str owner, struct str region,
                         objects_fn *fn, void *user)
{
    uint8_t id[(OBJECT_ID - 1) / 2];
    const struct bucket *b;
    struct bucket_job *j;

    b = any_of(o, name);
    if (b || o->nbuckets >= OBJECT_BUCKETS) {
        refuse(o, !b ? -EDQUOT : b->hidden ? -EBUSY : -EEXIST, fn, user);
        return;
    }
    j = xnew(struct bucket_job);
    *j = (struct bucket_job){.magic = BUCKET_MAGIC, .o = o, .fn = fn, .user = user};
    j->b = xnew(struct bucket);
    memcpy(j->b->name, name.p, name.n);
    random_bytes(id, sizeof(id));
    hex_encode(id, sizeof(id), j->b->id);
    j->b->owner = str_dup(owner);
    j->b->region = str_dup(region);
    j->b->created_ms = clock_wall_ms();
    j->b->hidden = true; /* its name is taken */
    insert(o, j->b);
    write_bucket(j);
}

void objects_drop_bucket(struct objects *o, struct str name, objects_fn *fn, void *user)
{
    struct bucket *b = bucket_of(o, name);
    struct bucket_job *j;

    if (!b || b->objects > 0 || b->busy > 0) {
        refuse(o, !b ? -ENOENT : b->objects > 0 ? -ENOTEMPTY : -EBUSY, fn, user);
        return;
    }
    j = xnew(struct bucket_job);
    *j = (struct bucket_job){
            .magic = BUCKET_MAGIC, .o = o, .b = b, .drops = true, .fn = fn, .user = user};
    b->hidden = true;
    write_bucket(j);
}

/* ---- objects ---- */

void objects_put(struct objects *o, struct str bucket, struct str key, const struct object *ob,
                 objects_fn *fn, void *user)
{
    objects_change(o, &(struct object_change){.bucket = bucket, .key = key, .ob = ob, .how = "put"},
                   fn, user);
}

void objects_delete(struct objects *o, struct str bucket, struct str key, objects_fn *fn,
                    void *user)
{
    objects_change(o, &(struct object_change){.bucket = bucket, .key = key, .how = "delete"}, fn,
                   user);
}

struct finding {
    uint32_t magic;
    struct objects *o;
    objects_find_fn *fn;
    void *user;
};

static void on_found(void *user, int r, const struct kv_item *item)
{
    struct finding *f = OBJ(user, struct finding, FIND_MAGIC);
    struct objects *o = f->o;
    struct object ob = {0};

    if (r == 0)
        r = !item ? -ENOENT : object_decode(item->value, &ob) < 0 ? -EIO : 0;
    f->fn(f->user, r, r == 0 ? &ob : NULL);
    object_done(&ob);
    f->magic = 0;
    free(f);
    objects_ended(o);
}

void objects_find(struct objects *o, struct str bucket, struct str key, objects_find_fn *fn,
                  void *user)
{
    const struct bucket *b = bucket_of(o, bucket);
    struct finding *f = xnew(struct finding);
    cleanup_with(buf_done) struct buf path;

    assert(b);
    *f = (struct finding){.magic = FIND_MAGIC, .o = o, .fn = fn, .user = user};
    buf_init(&path, KEY_MAX);
    buf_addf(&path, "object/%s/", b->id);
    buf_adds(&path, key);
    objects_began(o);
    kv_get(o->kv, buf_str(&path), 0, on_found, f);
}

/* ---- listing ---- */

struct listing {
    uint32_t magic;
    struct objects *o;
    struct buf prefix, after, delimiter, last; /* prefix and after as in the store */
    size_t root;                               /* of the prefix: what is no part of a key */
    uint32_t left;
    const struct objects_list_ops *ops;
    void *user;
};

static void end_listing(struct listing *l, int r, bool more)
{
    struct objects *o = l->o;

    l->ops->end(l->user, r, more, buf_str(&l->last));
    buf_done(&l->prefix);
    buf_done(&l->after);
    buf_done(&l->delimiter);
    buf_done(&l->last);
    l->magic = 0;
    free(l);
    objects_ended(o);
}

/* The part of key up to the delimiter behind the prefix; STR_NONE: it has none. */
static struct str common_of(const struct listing *l, struct str key)
{
    size_t from = l->prefix.n - l->root;
    ptrdiff_t at = l->delimiter.n ? str_find(str_from(key, from), buf_str(&l->delimiter)) : -1;

    return at < 0 ? STR_NONE : (struct str){key.p, from + (size_t)at + l->delimiter.n};
}

static void set_after(struct listing *l, struct str key, bool leap)
{
    buf_reset(&l->last);
    buf_adds(&l->last, key);
    buf_reset(&l->after);
    buf_add(&l->after, l->prefix.p, l->root);
    buf_adds(&l->after, key);
    if (leap)
        buf_addc(&l->after, (char)0xff);
}

static void ask_page(struct listing *l);

/* False: enough. */
static bool take_item(struct listing *l, const struct kv_item *item)
{
    struct str key = str_from(item->key, l->root), common = common_of(l, key);
    struct object ob;

    if (l->left == 0)
        return false;
    l->left--;
    if (common.p) {
        l->ops->row(l->user, common, NULL);
        set_after(l, common, true);
        return true;
    }
    if (object_decode(item->value, &ob) == 0) {
        l->ops->row(l->user, key, &ob);
        object_done(&ob);
    }
    set_after(l, key, false);
    return true;
}

static void on_page(void *user, int r, const struct kv_page *page)
{
    struct listing *l = OBJ(user, struct listing, LIST_MAGIC);

    if (r < 0) {
        end_listing(l, r, false);
        return;
    }
    for (uint32_t i = 0; i < page->n; i++) {
        /* Behind a common prefix all that it covers is passed over. */
        if (str_cmp(page->items[i].key, buf_str(&l->after)) <= 0)
            continue;
        if (!take_item(l, &page->items[i])) {
            end_listing(l, 0, true);
            return;
        }
    }
    if (page->more)
        ask_page(l);
    else
        end_listing(l, 0, false);
}

static void ask_page(struct listing *l)
{
    struct kv_range range = {.prefix = buf_str(&l->prefix),
                             .after = buf_str(&l->after),
                             .limit = l->left < KV_LIST ? l->left + 1 : KV_LIST};

    kv_list(l->o->kv, &range, on_page, l);
}

void objects_list(struct objects *o, struct str bucket, const struct objects_ask *ask,
                  const struct objects_list_ops *ops, void *user)
{
    const struct bucket *b = bucket_of(o, bucket);
    struct listing *l = xnew(struct listing);

    assert(b);
    l->magic = LIST_MAGIC;
    l->o = o;
    l->ops = ops;
    l->user = user;
    l->left = ask->limit;
    buf_init(&l->prefix, KEY_MAX);
    buf_init(&l->after, KEY_MAX + 1);
    buf_init(&l->delimiter, KEY_MAX);
    buf_init(&l->last, KEY_MAX);
    buf_addf(&l->prefix, "object/%s/", b->id);
    l->root = l->prefix.n;
    buf_adds(&l->prefix, ask->prefix);
    buf_adds(&l->delimiter, ask->delimiter);
    if (ask->after.n > 0) /* after a common prefix, nothing under it */
        set_after(l, ask->after, ask->delimiter.n > 0 && str_ends(ask->after, ask->delimiter));
    objects_began(o);
    ask_page(l);
}

/* ---- bytes ---- */

int objects_keep(struct objects *o, struct str bytes, struct object_part *ret, struct err *e)
{
    ret->size = bytes.n;
    return blob_put(o->blobs, bytes, ret->sha, e);
}

int objects_read(struct objects *o, const struct object *ob, uint64_t offset, size_t n,
                 struct buf *out)
{
    uint64_t at = 0;

    for (uint32_t i = 0; i < ob->nparts && n > 0; at += ob->parts[i++].size) {
        const struct object_part *p = &ob->parts[i];
        size_t before = out->n, want;
        int r;

        if (offset >= at + p->size)
            continue;
        want = at + p->size - offset < n ? (size_t)(at + p->size - offset) : n;
        r = blob_read(o->blobs, p->sha, offset - at, want, out);
        if (r < 0)
            return r;
        if (out->n - before != want)
            return -EIO;
        offset += want;
        n -= want;
    }
    return 0;
}

void objects_on_event(struct objects *o, void (*fn)(void *user, const struct object_event *x),
                      void *user)
{
    o->on_event = fn;
    o->on_event_user = user;
}

/* ---- life ---- */

struct load {
    struct objects *o;
    struct str prefix;
    bool sums;
    char after[KEY_MAX];
    size_t after_n;
    bool done, more;
    int r;
};

static int load_sum(struct objects *o, struct str id, struct str value)
{
    struct str rest = value, count = str_cut(&rest, ' ');

    for (uint32_t i = 0; i < o->nbuckets; i++) {
        struct bucket *b = o->buckets[i];

        if (!str_eq(str_of(b->id), id))
            continue;
        if (str_u64(count, 0, INT64_MAX, &b->objects) < 0 ||
            str_u64(rest, 0, INT64_MAX, &b->bytes) < 0)
            return -EBADMSG;
        o->objects += b->objects;
        o->bytes += b->bytes;
        break;
    }
    return 0;
}

static int load_item(struct load *ld, const struct kv_item *item)
{
    struct str name = str_from(item->key, ld->prefix.n);
    struct bucket *b;

    if (ld->sums)
        return load_sum(ld->o, name, item->value);
    b = bucket_decode(name, item->value);
    if (!b)
        return -EBADMSG;
    insert(ld->o, b);
    return 0;
}

static void on_loaded(void *user, int r, const struct kv_page *page)
{
    struct load *ld = user;

    for (uint32_t i = 0; r == 0 && i < page->n; i++)
        r = load_item(ld, &page->items[i]);
    if (r == 0 && page->n > 0) {
        struct str last = page->items[page->n - 1].key;

        ld->after_n = last.n < sizeof(ld->after) ? last.n : sizeof(ld->after);
        memcpy(ld->after, last.p, ld->after_n);
    }
    ld->r = r;
    ld->more = page->more;
    ld->done = true;
}

static int load(struct objects *o, struct str prefix, bool sums, struct err *e)
{
    struct load ld = {.o = o, .prefix = prefix, .sums = sums, .more = true};

    while (ld.more && ld.r == 0) {
        ld.done = false;
        kv_list(o->kv,
                &(struct kv_range){
                        .prefix = prefix, .after = {ld.after, ld.after_n}, .limit = KV_LIST},
                on_loaded, &ld);
        loop_run_until(o->loop, &ld.done);
    }
    return ld.r == 0 ? 0 : err_set(e, ERR_HOST, ld.r, "read the buckets: %s", strerror(-ld.r));
}

int objects_open(struct loop *l, struct kv *kv, struct blobs *blobs,
                 const struct objects_conf *conf, struct objects **ret, struct err *e)
{
    struct objects *o = xnew(struct objects);
    int r;

    *o = (struct objects){.magic = OBJECTS_MAGIC,
                          .loop = l,
                          .kv = kv,
                          .blobs = blobs,
                          .spool_dir = conf->spool_dir,
                          .most = conf->most,
                          .most_bytes = conf->most_bytes,
                          .idle = true};
    list_init(&o->fetches);
    r = load(o, S("bucket/"), false, e);
    if (r == 0)
        r = load(o, S("object-sum/"), true, e);
    if (r == 0 && conf->stores && conf->stores[0])
        r = remotes_new(conf->stores, &o->remotes, e);
    if (r < 0) {
        objects_free(o);
        return r;
    }
    *ret = o;
    return 0;
}

void objects_limit(struct objects *o, uint64_t most, uint64_t most_bytes)
{
    o->most = most;
    o->most_bytes = most_bytes;
}

struct objects *objects_free(struct objects *o)
{
    if (!o)
        return NULL;
    if (!o->idle)
        loop_run_until(o->loop, &o->idle);
    for (uint32_t i = 0; i < o->nbuckets; i++)
        bucket_free(o->buckets[i]);
    free(o->buckets);
    o->remotes = remotes_free(o->remotes);
    o->magic = 0;
    free(o);
    return NULL;
}
