/* SPDX-License-Identifier: Apache-2.0 */
/*
 * multipart.c - uploads in parts.
 *
 * Each part is a blob with a record of its own; completing writes one record that names the blobs of
 * the chosen parts in their order, so no byte is copied. The same transaction removes the upload's
 * record, and only who finds that record may go on: of two that complete or abort, one gets -ENOENT.
 * Records of parts are removed afterwards, and those a crash left by names.c.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/obj.h"
#include "object/internal.h"

enum { UPLOAD_MAGIC = 0x4f555050, PART_KEY = 64, LEAST_PART = 100 << 10 };

enum upload_verb { BEGIN, PUT_PART, LIST_PARTS, COMPLETE, ABORT };

struct upload {
    uint32_t magic;
    struct objects *o;
    struct bucket *b; /* busy */
    enum upload_verb verb;
    char id[OBJECT_UPLOAD];
    struct buf key;        /* of the object */
    char record[PART_KEY]; /* key of the upload's record */
    uint64_t record_rev;
    struct object ob;         /* what it is to be */
    struct upload_row part;   /* PUT_PART */
    struct upload_part *want; /* COMPLETE; owned */
    uint32_t nwant;
    struct upload_row *rows; /* owned */
    uint32_t nrows;
    union {
        upload_begin_fn *begin;
        objects_fn *plain;
        upload_parts_fn *parts;
        objects_find_fn *complete;
    } fn;
    void *user;
};

static struct upload *upload_new(struct objects *o, enum upload_verb verb, struct str bucket,
                                 struct str key, struct str id, void *user)
{
    struct upload *u = xnew(struct upload);

    u->magic = UPLOAD_MAGIC;
    u->o = o;
    u->b = bucket_of(o, bucket);
    assert(u->b);
    u->b->busy++;
    u->verb = verb;
    u->user = user;
    buf_init(&u->key, KEY_MAX);
    buf_adds(&u->key, key);
    if (id.p && is_hex(id, OBJECT_UPLOAD - 1))
        memcpy(u->id, id.p, id.n);
    (void)snprintf(u->record, sizeof(u->record), "object-up/%s", u->id);
    objects_began(o);
    return u;
}

static void end(struct upload *u, int r)
{
    struct objects *o = u->o;

    u->b->busy--;
    switch (u->verb) {
    case BEGIN:
        u->fn.begin(u->user, r, r == 0 ? u->id : NULL);
        break;
    case PUT_PART:
    case ABORT:
        u->fn.plain(u->user, r);
        break;
    case LIST_PARTS:
        u->fn.parts(u->user, r, u->rows, r == 0 ? u->nrows : 0);
        break;
    case COMPLETE:
        u->fn.complete(u->user, r, r == 0 ? &u->ob : NULL);
        break;
    }
    buf_done(&u->key);
    object_done(&u->ob);
    free(u->want);
    free(u->rows);
    u->magic = 0;
    free(u);
    objects_ended(o);
}

/* ---- records ---- */

static void encode_upload(const struct upload *u, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "bucket", u->b->id);
    jw_kstr(&w, "key", buf_str(&u->key));
    jw_kint(&w, "created_ms", clock_wall_ms());
    jw_kstrz(&w, "type", u->ob.type);
    jw_kstrz(&w, "headers", u->ob.headers);
    jw_obj_end(&w);
}

/* Is it one of this bucket and key? */
static bool read_upload(struct upload *u, struct str json)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(json, NULL);
    struct str bucket = STR_NONE, key = STR_NONE, type = STR_NONE, headers = STR_NONE;

    if (!tree || json_str(tree, "bucket", false, &bucket, NULL) < 0 ||
        json_str(tree, "key", false, &key, NULL) < 0 ||
        json_str(tree, "type", false, &type, NULL) < 0 ||
        json_str(tree, "headers", false, &headers, NULL) < 0)
        return false;
    if (!str_eq(bucket, str_of(u->b->id)) || !str_eq(key, buf_str(&u->key)))
        return false;
    free(u->ob.type);
    free(u->ob.headers);
    u->ob.type = str_dup(type);
    u->ob.headers = str_dup(headers);
    return true;
}

static bool read_row(struct str name, struct str json, struct upload_row *ret)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(json, NULL);
    struct str sha = STR_NONE, etag = STR_NONE;
    uint64_t number;
    int64_t size = 0;

    if (!tree || str_u64(name, 1, OBJECT_PARTS, &number) < 0 ||
        json_str(tree, "sha", false, &sha, NULL) < 0 || !is_hex(sha, SHA256_HEX - 1) ||
        json_str(tree, "etag", false, &etag, NULL) < 0 || !is_hex(etag, MD5_HEX - 1) ||
        json_int(tree, "size", false, 0, INT64_MAX, &size, NULL) < 0 ||
        json_int(tree, "modified_ms", false, 0, INT64_MAX, &ret->modified_ms, NULL) < 0)
        return false;
    ret->number = (uint32_t)number;
    ret->part.size = (uint64_t)size;
    memcpy(ret->part.sha, sha.p, sha.n);
    memcpy(ret->etag, etag.p, etag.n);
    return true;
}

/* ---- begin ---- */

static void on_begun(void *user, int r, uint64_t rev)
{
    struct upload *u = OBJ(user, struct upload, UPLOAD_MAGIC);

    (void)rev;
    if (r < 0)
        u->o->uploads--;
    end(u, r);
}

static void on_full(void *user, int r, const struct kv_item *item)
{
    struct upload *u = OBJ(user, struct upload, UPLOAD_MAGIC);

    (void)item;
    end(u, r < 0 ? r : -EDQUOT);
}

void objects_begin_upload(struct objects *o, struct str bucket, struct str key,
                          const struct object *ob, upload_begin_fn *fn, void *user)
{
    struct upload *u = upload_new(o, BEGIN, bucket, key, STR_NONE, user);
    cleanup_with(buf_done) struct buf value = {0};
    struct kv_op op = {0};
    uint8_t id[(OBJECT_UPLOAD - 1) / 2];

    u->fn.begin = fn;
    random_bytes(id, sizeof(id));
    hex_encode(id, sizeof(id), u->id);
    (void)snprintf(u->record, sizeof(u->record), "object-up/%s", u->id);
    object_copy(ob, &u->ob);
    if (o->uploads >= OBJECT_UPLOADS) {
        kv_get(o->kv, str_of(u->record), 0, on_full, u);
        return;
    }
    o->uploads++;
    buf_init(&value, RECORD_MAX);
    encode_upload(u, &value);
    op = (struct kv_op){.key = str_of(u->record), .value = buf_str(&value)};
    kv_txn(o->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_begun, u);
}

/* ---- a part ---- */

static void on_part_written(void *user, int r, uint64_t rev)
{
    struct upload *u = OBJ(user, struct upload, UPLOAD_MAGIC);

    (void)rev;
    end(u, r == -ESTALE ? -ENOENT : r);
}

static void write_part(struct upload *u)
{
    struct kv_compare compare = {str_of(u->record), u->record_rev};
    char key[PART_KEY];
    struct kv_op op;
    struct buf value;
    struct jw w;

    buf_init(&value, 4096);
    jw_init(&w, &value);
    jw_obj(&w);
    jw_kstrz(&w, "sha", u->part.part.sha);
    jw_kint(&w, "size", (int64_t)u->part.part.size);
    jw_kstrz(&w, "etag", u->part.etag);
    jw_kint(&w, "modified_ms", clock_wall_ms());
    jw_obj_end(&w);
    (void)snprintf(key, sizeof(key), "object-part/%s/%05u", u->id, u->part.number);
    op = (struct kv_op){.key = str_of(key), .value = buf_str(&value)};
    kv_txn(u->o->kv, &(struct kv_txn){.compares = &compare, .ncompares = 1, .ops = &op, .nops = 1},
           on_part_written, u);
    buf_done(&value);
}

/* ---- complete ---- */

static const struct upload_row *row_of(const struct upload *u, uint32_t number)
{
    uint32_t low = 0, high = u->nrows;

    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (u->rows[mid].number < number)
            low = mid + 1;
        else
            high = mid;
    }
    return low < u->nrows && u->rows[low].number == number ? &u->rows[low] : NULL;
}

static uint8_t nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void hex_decode(const char *hex, uint8_t *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
}

/* Each is there, as it was sent, and later ones have higher numbers. */
static bool are_there(const struct upload *u)
{
    for (uint32_t i = 0; i < u->nwant; i++) {
        const struct upload_row *row = row_of(u, u->want[i].number);

        if (!row || (i > 0 && u->want[i].number <= u->want[i - 1].number) ||
            strcmp(row->etag, u->want[i].etag) != 0)
            return false;
    }
    return u->nwant > 0;
}

/* The etag of the whole is the digest of its parts' digests, and how many they are. */
static int put_together(struct upload *u)
{
    struct digest *sum;
    uint8_t all[DIGEST_MOST];
    char hex[MD5_HEX];
    int r = 0;

    if (!are_there(u))
        return -EINVAL;
    sum = digest_new(DIGEST_MD5);
    free(u->ob.parts);
    u->ob.parts = xcalloc(u->nwant, sizeof(*u->ob.parts));
    u->ob.nparts = 0;
    u->ob.size = 0;
    for (uint32_t i = 0; i < u->nwant && r == 0; i++) {
        const struct upload_row *row = row_of(u, u->want[i].number);
        uint8_t one[MD5_LEN];

        if (i + 1 < u->nwant && row->part.size < LEAST_PART)
            r = -ERANGE;
        else if (row->part.size > OBJECT_BYTES_MAX - u->ob.size)
            r = -EFBIG;
        u->ob.parts[u->ob.nparts++] = row->part;
        u->ob.size += row->part.size;
        hex_decode(row->etag, one, sizeof(one));
        digest_add(sum, one, sizeof(one));
    }
    hex_encode(all, digest_end(sum, all), hex);
    (void)snprintf(u->ob.etag, sizeof(u->ob.etag), "%s-%u", hex, u->nwant);
    u->ob.modified_ms = clock_wall_ms();
    return r;
}

static void on_completed(void *user, int r)
{
    struct upload *u = OBJ(user, struct upload, UPLOAD_MAGIC);

    if (r == 0) {
        u->o->uploads--;
        objects_purge_parts(u->o, str_of(u->id));
    }
    end(u, r);
}

static void complete(struct upload *u)
{
    int r = put_together(u);

    if (r < 0) {
        end(u, r);
        return;
    }
    objects_change(u->o,
                   &(struct object_change){.bucket = str_of(u->b->name),
                                           .key = buf_str(&u->key),
                                           .ob = &u->ob,
                                           .how = "complete",
                                           .also = str_of(u->record),
                                           .also_rev = u->record_rev},
                   on_completed, u);
}

/* ---- the parts there are ---- */

static void ask_rows(struct upload *u, struct str after);

static void on_rows(void *user, int r, const struct kv_page *page)
{
    struct upload *u = OBJ(user, struct upload, UPLOAD_MAGIC);
    const size_t head = strlen("object-part/") + OBJECT_UPLOAD;

    if (r < 0) {
        end(u, r);
        return;
    }
    if (page->n > 0)
        u->rows = xrealloc(u->rows, u->nrows + page->n, sizeof(*u->rows));
    for (uint32_t i = 0; i < page->n; i++) {
        struct upload_row row = {0};

        if (read_row(str_from(page->items[i].key, head), page->items[i].value, &row))
            u->rows[u->nrows++] = row;
    }
    if (page->more && page->n > 0)
        ask_rows(u, page->items[page->n - 1].key);
    else if (u->verb == COMPLETE)
        complete(u);
    else
        end(u, 0);
}

static void ask_rows(struct upload *u, struct str after)
{
    char prefix[PART_KEY];

    (void)snprintf(prefix, sizeof(prefix), "object-part/%s/", u->id);
    kv_list(u->o->kv,
            &(struct kv_range){.prefix = str_of(prefix), .after = after, .limit = KV_LIST}, on_rows,
            u);
}

/* ---- abort ---- */

static void on_aborted(void *user, int r, uint64_t rev)
{
    struct upload *u = OBJ(user, struct upload, UPLOAD_MAGIC);

    (void)rev;
    if (r == 0) {
        u->o->uploads--;
        objects_purge_parts(u->o, str_of(u->id));
    }
    end(u, r == -ESTALE ? -ENOENT : r);
}

static void abort_it(struct upload *u)
{
    struct kv_compare compare = {str_of(u->record), u->record_rev};
    struct kv_op op = {.del = true, .key = str_of(u->record)};

    kv_txn(u->o->kv, &(struct kv_txn){.compares = &compare, .ncompares = 1, .ops = &op, .nops = 1},
           on_aborted, u);
}

/* ---- all of them begin with the upload's record ---- */

static void on_record(void *user, int r, const struct kv_item *item)
{
    struct upload *u = OBJ(user, struct upload, UPLOAD_MAGIC);

    if (r == 0 && (!item || !read_upload(u, item->value)))
        r = -ENOENT;
    if (r < 0) {
        end(u, r);
        return;
    }
    u->record_rev = item->rev;
    if (u->verb == PUT_PART)
        write_part(u);
    else if (u->verb == ABORT)
        abort_it(u);
    else
        ask_rows(u, STR_NONE);
}

static void find_record(struct upload *u)
{
    kv_get(u->o->kv, str_of(u->record), 0, on_record, u);
}

/* NOLINTNEXTLINE(readability-function-size): an upload is named by bucket, key and id */
void objects_put_part(struct objects *o, struct str bucket, struct str key, struct str upload,
                      uint32_t number, const struct object_part *part, const char *etag,
                      objects_fn *fn, void *user)
{
    struct upload *u = upload_new(o, PUT_PART, bucket, key, upload, user);

    u->fn.plain = fn;
    u->part.number = number;
    u->part.part = *part;
    (void)snprintf(u->part.etag, sizeof(u->part.etag), "%s", etag);
    find_record(u);
}

void objects_parts(struct objects *o, struct str bucket, struct str key, struct str upload,
                   upload_parts_fn *fn, void *user)
{
    struct upload *u = upload_new(o, LIST_PARTS, bucket, key, upload, user);

    u->fn.parts = fn;
    find_record(u);
}

/* NOLINTNEXTLINE(readability-function-size): an upload is named by bucket, key and id */
void objects_complete(struct objects *o, struct str bucket, struct str key, struct str upload,
                      const struct upload_part *parts, uint32_t n, objects_find_fn *fn, void *user)
{
    struct upload *u = upload_new(o, COMPLETE, bucket, key, upload, user);

    u->fn.complete = fn;
    u->want = xcalloc(n + 1, sizeof(*u->want));
    u->nwant = n;
    if (n > 0)
        memcpy(u->want, parts, n * sizeof(*u->want));
    find_record(u);
}

void objects_abort(struct objects *o, struct str bucket, struct str key, struct str upload,
                   objects_fn *fn, void *user)
{
    struct upload *u = upload_new(o, ABORT, bucket, key, upload, user);

    u->fn.plain = fn;
    find_record(u);
}

/* ---- parts of an upload that has ended ---- */

struct purge {
    uint32_t magic;
    struct objects *o;
    char prefix[PART_KEY];
};

enum { PURGE_MAGIC = 0x4f505247 };

static void purge(struct purge *p);

static void end_purge(struct purge *p)
{
    struct objects *o = p->o;

    p->magic = 0;
    free(p);
    objects_ended(o);
}

static void on_purged(void *user, int r, uint64_t rev)
{
    struct purge *p = OBJ(user, struct purge, PURGE_MAGIC);

    (void)rev;
    if (r == 0)
        purge(p); /* until there are none */
    else
        end_purge(p); /* names.c finds them */
}

static void on_purge_page(void *user, int r, const struct kv_page *page)
{
    struct purge *p = OBJ(user, struct purge, PURGE_MAGIC);
    struct kv_op ops[KV_OPS];

    if (r < 0 || page->n == 0) {
        end_purge(p);
        return;
    }
    for (uint32_t i = 0; i < page->n; i++)
        ops[i] = (struct kv_op){.del = true, .key = page->items[i].key};
    kv_txn(p->o->kv, &(struct kv_txn){.ops = ops, .nops = page->n}, on_purged, p);
}

static void purge(struct purge *p)
{
    kv_list(p->o->kv, &(struct kv_range){.prefix = str_of(p->prefix), .limit = KV_OPS},
            on_purge_page, p);
}

void objects_purge_parts(struct objects *o, struct str upload)
{
    struct purge *p = xnew(struct purge);

    p->magic = PURGE_MAGIC;
    p->o = o;
    (void)snprintf(p->prefix, sizeof(p->prefix), "object-part/%.*s/", STR_ARG(upload));
    objects_began(o);
    purge(p);
}
