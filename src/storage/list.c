/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list.c - ListObjects in both versions, and DeleteObjects.
 *
 * Version 1 goes on after a key the client names, version 2 after a token; ours is the key in base64. What
 * a key may contain XML cannot always say, so clients ask for encoding-type=url.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/obj.h"
#include "base/uri.h"
#include "storage/internal.h"

enum { LIST_MAGIC = 0x534c4953, DELETE_MAGIC = 0x5344454c, PAGE = 1000, LIST_XML = 16 << 20 };

struct listing {
    uint32_t magic;
    struct call *call;
    enum flavour flavour;
    bool v2, url;
    struct buf head, rows, prefixes, token;
    uint32_t n;
    char account[KEY_ACCOUNT];
};

static void bury(struct listing *l)
{
    struct buf *all[] = {&l->head, &l->rows, &l->prefixes, &l->token};

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        buf_done(all[i]);
    l->magic = 0;
    free(l);
}

static void add_key(const struct listing *l, struct buf *out, const char *name, struct str key)
{
    struct buf escaped;

    if (!l->url) {
        xml_add(out, name, key);
        return;
    }
    buf_init(&escaped, 4ul * OBJECT_KEY);
    uri_encode(key, "/", &escaped);
    xml_add(out, name, buf_str(&escaped));
    buf_done(&escaped);
}

static void on_row(void *user, struct str key, const struct object *ob)
{
    struct listing *l = OBJ(user, struct listing, LIST_MAGIC);
    char time[CLOCK_TEXT];

    l->n++;
    if (!ob) {
        buf_addz(&l->prefixes, "<CommonPrefixes>");
        add_key(l, &l->prefixes, "Prefix", key);
        buf_addz(&l->prefixes, "</CommonPrefixes>");
        return;
    }
    buf_addz(&l->rows, "<Contents>");
    add_key(l, &l->rows, "Key", key);
    xml_addz(&l->rows, "LastModified", storage_time(ob->modified_ms, time));
    buf_addf(&l->rows, "<ETag>&quot;%s&quot;</ETag>", ob->etag);
    if (l->flavour == FLAVOUR_OSS)
        xml_addz(&l->rows, "Type", ob->nparts > 1 ? "Multipart" : "Normal");
    xml_addu(&l->rows, "Size", ob->size);
    xml_addz(&l->rows, "StorageClass", l->flavour == FLAVOUR_OSS ? "Standard" : "STANDARD");
    if (!l->v2) {
        buf_addz(&l->rows, "<Owner>");
        xml_addz(&l->rows, "ID", l->account);
        xml_addz(&l->rows, "DisplayName", l->account);
        buf_addz(&l->rows, "</Owner>");
    }
    buf_addz(&l->rows, "</Contents>");
}

static void on_end(void *user, int r, bool more, struct str last)
{
    struct listing *l = OBJ(user, struct listing, LIST_MAGIC);
    struct buf token;

    if (r < 0) {
        storage_fail(l->call, r);
        bury(l);
        return;
    }
    if (l->v2)
        xml_addu(&l->head, "KeyCount", l->n);
    xml_addz(&l->head, "IsTruncated", more ? "true" : "false");
    if (more && l->v2) {
        buf_init(&token, 4ul * OBJECT_KEY);
        base64_encode(last, &token);
        xml_add(&l->head, "NextContinuationToken", buf_str(&token));
        buf_done(&token);
    } else if (more) {
        add_key(l, &l->head, "NextMarker", last);
    }
    buf_adds(&l->head, buf_str(&l->rows));
    buf_adds(&l->head, buf_str(&l->prefixes));
    buf_addz(&l->head, "</ListBucketResult>");
    if (buf_ok(&l->head) && buf_ok(&l->rows) && buf_ok(&l->prefixes))
        storage_reply_xml(l->call, &l->head);
    else
        call_fail(l->call, 500, "InternalError", "the answer is too long, ask for fewer keys");
    bury(l);
}

static const struct objects_list_ops list_ops = {.row = on_row, .end = on_end};

static struct str query(struct call *c, const char *name)
{
    struct str value = call_query(c, str_of(name));

    return value.p ? value : S("");
}

static bool bad(struct call *c, const char *name, struct str value)
{
    call_fail(c, 400, "InvalidArgument", "%s cannot be '%.*s'", name,
              (int)(value.n < 128 ? value.n : 128), value.p);
    return false;
}

/* False: it has replied. */
static bool read_limit(struct call *c, uint32_t *ret)
{
    struct str text = query(c, "max-keys");
    uint64_t n = PAGE;

    if (text.n > 0 && str_u64(text, 0, INT32_MAX, &n) < 0)
        return bad(c, "max-keys", text);
    *ret = n < PAGE ? (uint32_t)n : PAGE;
    return true;
}

static bool read_after(struct call *c, struct listing *l, struct objects_ask *ask)
{
    struct str token = call_query(c, S("continuation-token"));

    if (!l->v2) {
        ask->after = query(c, "marker");
    } else if (token.n > 0) {
        if (base64_decode(token, &l->token) < 0 || !object_key_is_valid(buf_str(&l->token)))
            return bad(c, "continuation-token", token);
        ask->after = buf_str(&l->token);
    } else {
        ask->after = query(c, "start-after");
    }
    if (ask->after.n > OBJECT_KEY)
        return bad(c, l->v2 ? "start-after" : "marker", ask->after);
    return true;
}

static bool read_ask(struct call *c, struct listing *l, struct objects_ask *ask)
{
    struct str encoding = query(c, "encoding-type");

    if (encoding.n > 0 && !str_eq(encoding, S("url")))
        return bad(c, "encoding-type", encoding);
    l->url = encoding.n > 0;
    ask->prefix = query(c, "prefix");
    ask->delimiter = query(c, "delimiter");
    if (ask->prefix.n > OBJECT_KEY)
        return bad(c, "prefix", ask->prefix);
    if (ask->delimiter.n > OBJECT_KEY)
        return bad(c, "delimiter", ask->delimiter);
    return read_limit(c, &ask->limit) && read_after(c, l, ask);
}

static void write_head(struct call *c, struct listing *l, const struct objects_ask *ask)
{
    xml_begin(&l->head, "ListBucketResult");
    xml_add(&l->head, "Name", ask_of(c)->bucket);
    add_key(l, &l->head, "Prefix", ask->prefix);
    if (!l->v2)
        add_key(l, &l->head, "Marker", ask->after);
    else if (call_query(c, S("continuation-token")).p)
        xml_add(&l->head, "ContinuationToken", query(c, "continuation-token"));
    else if (ask->after.n > 0)
        add_key(l, &l->head, "StartAfter", ask->after);
    xml_addu(&l->head, "MaxKeys", ask->limit);
    if (ask->delimiter.n > 0)
        add_key(l, &l->head, "Delimiter", ask->delimiter);
    if (l->url)
        xml_addz(&l->head, "EncodingType", "url");
}

static void list_objects(struct call *c, bool v2)
{
    struct objects_ask ask = {0};
    struct listing *l;

    if (!storage_bucket(c))
        return;
    l = xnew(struct listing);
    l->magic = LIST_MAGIC;
    l->call = c;
    l->flavour = ask_of(c)->flavour;
    l->v2 = v2;
    memcpy(l->account, c->by.account, sizeof(l->account));
    buf_init(&l->head, LIST_XML);
    buf_init(&l->rows, LIST_XML);
    buf_init(&l->prefixes, LIST_XML);
    buf_init(&l->token, OBJECT_KEY);
    if (!read_ask(c, l, &ask)) {
        bury(l);
        return;
    }
    write_head(c, l, &ask);
    objects_list(c->api->objects, ask_of(c)->bucket, &ask, &list_ops, l);
}

void storage_list_objects(struct call *c)
{
    list_objects(c, false);
}

void storage_list_objects_v2(struct call *c)
{
    if (str_eq(query(c, "list-type"), S("2")))
        list_objects(c, true);
    else
        (void)bad(c, "list-type", query(c, "list-type"));
}

/* ---- DeleteObjects: one after the other ---- */

struct deleting {
    uint32_t magic;
    struct call *call;
    struct buf xml, bucket;
    char **keys; /* owned */
    uint32_t n, at;
    bool quiet;
};

static void bury_deleting(struct deleting *d)
{
    for (uint32_t i = 0; i < d->n; i++)
        free(d->keys[i]);
    free(d->keys);
    buf_done(&d->xml);
    buf_done(&d->bucket);
    d->magic = 0;
    free(d);
}

static void delete_next(struct deleting *d);

static void on_deleted(void *user, int r)
{
    struct deleting *d = OBJ(user, struct deleting, DELETE_MAGIC);
    struct str key = str_of(d->keys[d->at++]);

    if (r < 0 && r != -ENOENT) {
        buf_addz(&d->xml, "<Error>");
        xml_add(&d->xml, "Key", key);
        xml_addz(&d->xml, "Code", "InternalError");
        xml_addz(&d->xml, "Message", strerror(-r));
        buf_addz(&d->xml, "</Error>");
    } else if (!d->quiet) {
        buf_addz(&d->xml, "<Deleted>");
        xml_add(&d->xml, "Key", key);
        buf_addz(&d->xml, "</Deleted>");
    }
    delete_next(d);
}

static void delete_next(struct deleting *d)
{
    struct objects *o = d->call->api->objects;

    if (d->at < d->n && objects_bucket(o, buf_str(&d->bucket))) {
        objects_delete(o, buf_str(&d->bucket), str_of(d->keys[d->at]), on_deleted, d);
        return;
    }
    buf_addz(&d->xml, "</DeleteResult>");
    storage_reply_xml(d->call, &d->xml);
    bury_deleting(d);
}

/* 0, or -EINVAL. */
static int read_keys(struct str body, struct deleting *d)
{
    struct buf text;
    struct xml x;
    int r = XML_OPEN;

    buf_init(&text, 4ul * OBJECT_KEY);
    xml_init(&x, body, &text);
    d->keys = xcalloc(PAGE, sizeof(*d->keys));
    while (r >= 0 && r != XML_END) {
        r = xml_next(&x);
        if (r != XML_CLOSE)
            continue;
        if (x.depth == 3 && str_eq(x.names[2], S("Key"))) {
            if (d->n == PAGE || !object_key_is_valid(buf_str(&text)))
                r = -EINVAL;
            else
                d->keys[d->n++] = str_dup(buf_str(&text));
        } else if (x.depth == 2 && str_eq(x.names[1], S("Quiet"))) {
            d->quiet = str_ieq(buf_str(&text), S("true"));
        }
    }
    buf_done(&text);
    return r < 0 || d->n == 0 ? -EINVAL : 0;
}

void storage_delete_objects(struct call *c)
{
    struct deleting *d;

    if (!storage_bucket(c))
        return;
    d = xnew(struct deleting);
    d->magic = DELETE_MAGIC;
    d->call = c;
    buf_init(&d->xml, LIST_XML);
    buf_init(&d->bucket, OBJECT_BUCKET_MAX);
    buf_adds(&d->bucket, ask_of(c)->bucket);
    if (read_keys(c->req->body, d) < 0) {
        bury_deleting(d);
        call_fail(c, 400, "MalformedXML",
                  "The XML you provided was not well-formed or did not name 1 to 1000 keys.");
        return;
    }
    xml_begin(&d->xml, "DeleteResult");
    delete_next(d);
}
