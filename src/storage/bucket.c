/* SPDX-License-Identifier: Apache-2.0 */
/* bucket.c - list, make, look at and remove buckets. */
#include <errno.h>

#include "base/clock.h"
#include "storage/internal.h"

enum { BUCKETS_XML = 2 << 20, SMALL_XML = 16 << 10 };

/* ---- ListBuckets ---- */

struct listing {
    const struct call *call;
    struct buf xml;
};

static void add_bucket(struct listing *l, const struct bucket *b)
{
    char time[CLOCK_TEXT];

    buf_addz(&l->xml, "<Bucket>");
    xml_addz(&l->xml, "Name", b->name);
    xml_addz(&l->xml, "CreationDate", storage_time(b->created_ms, time));
    xml_addz(&l->xml, "Location", b->region);
    if (ask_of(l->call)->flavour == FLAVOUR_OSS) {
        xml_addz(&l->xml, "Region", b->region);
        xml_addz(&l->xml, "StorageClass", "Standard");
        xml_addz(&l->xml, "ExtranetEndpoint", "objects.localhost");
        xml_addz(&l->xml, "IntranetEndpoint", "objects.localhost");
    }
    buf_addz(&l->xml, "</Bucket>");
}

static bool on_bucket(void *user, const struct bucket *b)
{
    struct listing *l = user;
    const char *account = l->call->by.account;

    if (!account[0] || str_eq(str_of(b->owner), str_of(account)))
        add_bucket(l, b);
    return true;
}

static void add_owner(const struct call *c, struct buf *xml)
{
    buf_addz(xml, "<Owner>");
    xml_addz(xml, "ID", c->by.account);
    xml_addz(xml, "DisplayName", c->by.account);
    buf_addz(xml, "</Owner>");
}

void storage_list_buckets(struct call *c)
{
    struct listing l = {.call = c};

    buf_init(&l.xml, BUCKETS_XML);
    xml_begin(&l.xml, "ListAllMyBucketsResult");
    add_owner(c, &l.xml);
    buf_addz(&l.xml, "<Buckets>");
    if (c->api->objects)
        objects_each_bucket(c->api->objects, on_bucket, &l);
    buf_addz(&l.xml, "</Buckets></ListAllMyBucketsResult>");
    storage_reply_xml(c, &l.xml);
}

/* ---- one bucket ---- */

void storage_head_bucket(struct call *c)
{
    const struct bucket *b = storage_bucket(c);

    if (!b)
        return;
    if (ask_of(c)->flavour == FLAVOUR_OBS) {
        call_header(c, "x-obs-api", S("3.0")); /* its SDK asks which signature it is to use */
        call_header(c, "x-obs-bucket-location", str_of(b->region));
    } else {
        call_headerf(c, "x-amz-bucket-region", "%s", b->region);
    }
    call_reply(c, 200, S("application/xml"), STR_NONE);
}

void storage_bucket_location(struct call *c)
{
    const struct bucket *b = storage_bucket(c);
    struct buf xml;

    if (!b)
        return;
    buf_init(&xml, SMALL_XML);
    buf_addz(&xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml_addz(&xml, ask_of(c)->flavour == FLAVOUR_OBS ? "Location" : "LocationConstraint",
             b->region);
    storage_reply_xml(c, &xml);
}

/* OSS: what its console shows of a bucket. */
void storage_bucket_info(struct call *c)
{
    const struct bucket *b = storage_bucket(c);
    char time[CLOCK_TEXT];
    struct buf xml;

    if (!b)
        return;
    buf_init(&xml, SMALL_XML);
    xml_begin(&xml, "BucketInfo");
    buf_addz(&xml, "<Bucket>");
    xml_addz(&xml, "Name", b->name);
    xml_addz(&xml, "CreationDate", storage_time(b->created_ms, time));
    xml_addz(&xml, "Location", b->region);
    xml_addz(&xml, "StorageClass", "Standard");
    xml_addz(&xml, "ExtranetEndpoint", "objects.localhost");
    xml_addz(&xml, "IntranetEndpoint", "objects.localhost");
    buf_addz(&xml, "<AccessControlList>");
    xml_addz(&xml, "Grant", "private");
    buf_addz(&xml, "</AccessControlList>");
    add_owner(c, &xml);
    buf_addz(&xml, "</Bucket></BucketInfo>");
    storage_reply_xml(c, &xml);
}

static void on_made(void *user, int r)
{
    struct call *c = user;

    if (r == -EDQUOT) {
        call_fail(c, 400, "TooManyBuckets", "there are %d buckets already", OBJECT_BUCKETS);
    } else if (r < 0) {
        storage_fail(c, r);
    } else {
        if (c->req)
            call_headerf(c, "Location", "/%.*s", STR_ARG(c->captures[0]));
        call_reply(c, 200, STR_NONE, STR_NONE);
    }
}

/* Again by its owner: OSS and OBS say 200, S3 and COS 409. */
static void reply_exists(struct call *c, const struct bucket *b)
{
    enum flavour f = ask_of(c)->flavour;

    if (!str_eq(str_of(b->owner), str_of(c->by.account)))
        call_fail(c, 409, "BucketAlreadyExists", "The requested bucket name is not available.");
    else if (f == FLAVOUR_OSS || f == FLAVOUR_OBS)
        call_reply(c, 200, STR_NONE, STR_NONE);
    else
        call_fail(c, 409, "BucketAlreadyOwnedByYou",
                  "Your previous request to create the named bucket succeeded and you already own "
                  "it.");
}

/* The document, which may name a region, must be one. */
static bool read_location(struct call *c, struct buf *region)
{
    struct buf text;
    struct xml x;
    int r = c->req->body.n == 0 ? XML_END : XML_OPEN;

    buf_init(&text, SMALL_XML);
    xml_init(&x, c->req->body, &text);
    while (r >= 0 && r != XML_END) {
        r = xml_next(&x);
        if (r == XML_CLOSE && (str_eq(x.names[x.depth - 1], S("LocationConstraint")) ||
                               str_eq(x.names[x.depth - 1], S("Location"))))
            buf_adds(region, buf_str(&text));
    }
    buf_done(&text);
    if (r < 0 || !buf_ok(region)) {
        call_fail(c, 400, "MalformedXML", "The XML you provided was not well-formed.");
        return false;
    }
    return true;
}

void storage_create_bucket(struct call *c)
{
    const struct ask *a = ask_of(c);
    const struct bucket *b = c->api->objects ? objects_bucket(c->api->objects, a->bucket) : NULL;
    struct buf region;

    if (!c->api->objects) {
        storage_absent(c);
        return;
    }
    if (b) {
        reply_exists(c, b);
        return;
    }
    buf_init(&region, 64);
    if (read_location(c, &region))
        objects_make_bucket(c->api->objects, a->bucket, str_of(c->by.account),
                            region.n > 0 ? buf_str(&region) : str_of(c->api->region), on_made, c);
    buf_done(&region);
}

static void on_dropped(void *user, int r)
{
    struct call *c = user;

    if (r == -ENOTEMPTY)
        call_fail(c, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty.");
    else if (r == -ENOENT)
        call_fail(c, 404, "NoSuchBucket", "The specified bucket does not exist.");
    else if (r < 0)
        storage_fail(c, r);
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

void storage_delete_bucket(struct call *c)
{
    if (storage_bucket(c))
        objects_drop_bucket(c->api->objects, ask_of(c)->bucket, on_dropped, c);
}
