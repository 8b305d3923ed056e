/* SPDX-License-Identifier: Apache-2.0 */
/* upload.c - objects that come in parts: begin, put, list, complete, abort. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/obj.h"
#include "http/server.h"
#include "storage/internal.h"
#include "storage/take.h"

enum { PART_MAGIC = 0x53505254 };
enum { ANSWER_XML = 16 << 10, LIST_XML = 4 << 20, PAGE = 1000 };

static void fail(struct call *c, int r)
{
    if (r == -ENOENT)
        call_fail(
                c, 404, "NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the upload "
                "may have been aborted or completed.");
    else if (r == -EINVAL)
        call_fail(c, 400, "InvalidPart",
                  "One or more of the specified parts could not be found, are not in order, or "
                  "their entity tags do not match.");
    else if (r == -ERANGE)
        call_fail(c, 400, "EntityTooSmall",
                  "Your proposed upload is smaller than the minimum allowed object size.");
    else if (r == -EFBIG)
        call_fail(c, 400, "EntityTooLarge", "the object would be larger than 5 GiB");
    else
        storage_fail(c, r);
}

/* ---- begin ---- */

static void on_begun(void *user, int r, const char *upload)
{
    struct call *c = user;
    struct buf xml;

    if (r < 0) {
        fail(c, r);
        return;
    }
    buf_init(&xml, ANSWER_XML);
    xml_begin(&xml, "InitiateMultipartUploadResult");
    if (c->req) { /* else nobody reads it */
        xml_add(&xml, "Bucket", c->captures[0]);
        xml_add(&xml, "Key", c->captures[1]);
    }
    xml_addz(&xml, "UploadId", upload);
    buf_addz(&xml, "</InitiateMultipartUploadResult>");
    storage_reply_xml(c, &xml);
}

void storage_begin_upload(struct call *c)
{
    const struct ask *a = ask_of(c);
    cleanup_with(buf_done) struct buf headers = {0};
    cleanup_free char *type = NULL;
    struct object ob = {0};
    struct str sent = http_header(c->req, S("content-type"));

    if (!storage_bucket(c))
        return;
    buf_init(&headers, OBJECT_HEADERS);
    if (storage_read_headers(c, &headers) < 0) {
        call_fail(c, 400, "MetadataTooLarge",
                  "Your metadata headers exceed the maximum allowed metadata size.");
        return;
    }
    type = str_dup(sent.n < 256 && str_utf8(sent) ? sent : S(""));
    ob.type = type;
    ob.headers = headers.p;
    objects_begin_upload(c->api->objects, a->bucket, a->key, &ob, on_begun, c);
}

/* ---- one part ---- */

struct part {
    uint32_t magic;
    struct call *call;
    char bucket[OBJECT_BUCKET_MAX + 1], key[OBJECT_KEY + 1], upload[OBJECT_UPLOAD];
    char etag[OBJECT_ETAG];
    uint32_t number;
};

static void drop_part(void *user)
{
    struct part *p = OBJ(user, struct part, PART_MAGIC);

    p->magic = 0;
    free(p);
}

static void on_part(void *user, int r)
{
    struct part *p = OBJ(user, struct part, PART_MAGIC);

    if (r < 0) {
        fail(p->call, r);
    } else {
        call_headerf(p->call, "ETag", "\"%s\"", p->etag);
        call_reply(p->call, 200, STR_NONE, STR_NONE);
    }
    drop_part(p);
}

static void on_taken(struct call *c, void *user, const struct object_part *part, const char *etag)
{
    struct part *p = OBJ(user, struct part, PART_MAGIC);

    if (!objects_bucket(c->api->objects, str_of(p->bucket))) {
        fail(c, -ENOENT);
        drop_part(p);
        return;
    }
    (void)snprintf(p->etag, sizeof(p->etag), "%s", etag);
    objects_put_part(c->api->objects, str_of(p->bucket), str_of(p->key), str_of(p->upload),
                     p->number, part, etag, on_part, p);
}

void storage_put_part(struct call *c)
{
    const struct ask *a = ask_of(c);
    struct str id = call_query(c, S("uploadId")), number = call_query(c, S("partNumber"));
    uint64_t n;
    struct part *p;

    if (!storage_bucket(c))
        return;
    if (str_u64(number, 1, OBJECT_PARTS, &n) < 0) {
        call_fail(c, 400, "InvalidArgument", "Part number must be an integer between 1 and %d",
                  OBJECT_PARTS);
        return;
    }
    if (!is_hex(id, OBJECT_UPLOAD - 1)) {
        fail(c, -ENOENT);
        return;
    }
    p = xnew(struct part);
    p->magic = PART_MAGIC;
    p->call = c;
    p->number = (uint32_t)n;
    memcpy(p->bucket, a->bucket.p, a->bucket.n);
    memcpy(p->key, a->key.p, a->key.n);
    memcpy(p->upload, id.p, id.n);
    storage_take(c, on_taken, drop_part, p);
}

/* ---- the parts there are ---- */

static void on_parts(void *user, int r, const struct upload_row *rows, uint32_t n)
{
    struct call *c = user;
    uint64_t after = 0, most = PAGE;
    uint32_t i = 0, shown = 0, last = 0;
    char time[CLOCK_TEXT];
    struct buf xml;

    if (r < 0) {
        fail(c, r);
        return;
    }
    if (!c->req) {
        call_reply(c, 200, STR_NONE, STR_NONE);
        return;
    }
    if (str_u64(call_query(c, S("part-number-marker")), 0, OBJECT_PARTS, &after) < 0)
        after = 0;
    if (str_u64(call_query(c, S("max-parts")), 0, INT32_MAX, &most) < 0 || most > PAGE)
        most = PAGE;
    buf_init(&xml, LIST_XML);
    xml_begin(&xml, "ListPartsResult");
    xml_add(&xml, "Bucket", c->captures[0]);
    xml_add(&xml, "Key", c->captures[1]);
    xml_add(&xml, "UploadId", call_query(c, S("uploadId")));
    xml_addz(&xml, "StorageClass", "STANDARD");
    xml_addu(&xml, "PartNumberMarker", after);
    xml_addu(&xml, "MaxParts", most);
    while (i < n && rows[i].number <= after)
        i++;
    for (; i < n && shown < most; i++, shown++) {
        buf_addz(&xml, "<Part>");
        xml_addu(&xml, "PartNumber", rows[i].number);
        xml_addz(&xml, "LastModified", storage_time(rows[i].modified_ms, time));
        buf_addf(&xml, "<ETag>&quot;%s&quot;</ETag>", rows[i].etag);
        xml_addu(&xml, "Size", rows[i].part.size);
        buf_addz(&xml, "</Part>");
        last = rows[i].number;
    }
    xml_addu(&xml, "NextPartNumberMarker", last);
    xml_addz(&xml, "IsTruncated", i < n ? "true" : "false");
    buf_addz(&xml, "</ListPartsResult>");
    storage_reply_xml(c, &xml);
}

void storage_list_parts(struct call *c)
{
    const struct ask *a = ask_of(c);

    if (storage_bucket(c))
        objects_parts(c->api->objects, a->bucket, a->key, call_query(c, S("uploadId")), on_parts,
                      c);
}

/* ---- the uploads there are ---- */

static void on_uploads(void *user, int r, const struct upload_info *list, uint32_t n)
{
    struct call *c = user;
    struct str prefix, marker;
    char time[CLOCK_TEXT];
    struct buf xml;

    if (r < 0 || !c->req) {
        storage_fail(c, r < 0 ? r : -EIO);
        return;
    }
    prefix = call_query(c, S("prefix"));
    marker = call_query(c, S("key-marker"));
    buf_init(&xml, LIST_XML);
    xml_begin(&xml, "ListMultipartUploadsResult");
    xml_add(&xml, "Bucket", c->captures[0]);
    xml_add(&xml, "KeyMarker", marker);
    xml_addz(&xml, "UploadIdMarker", "");
    xml_addz(&xml, "NextKeyMarker", "");
    xml_addz(&xml, "NextUploadIdMarker", "");
    xml_add(&xml, "Prefix", prefix);
    xml_addu(&xml, "MaxUploads", PAGE);
    xml_addz(&xml, "IsTruncated", "false"); /* there are never more than PAGE */
    for (uint32_t i = 0; i < n; i++) {
        struct str key = str_of(list[i].key);

        if (!str_starts(key, prefix) || str_cmp(key, marker) <= 0)
            continue;
        buf_addz(&xml, "<Upload>");
        xml_add(&xml, "Key", key);
        xml_addz(&xml, "UploadId", list[i].id);
        xml_addz(&xml, "StorageClass", "STANDARD");
        xml_addz(&xml, "Initiated", storage_time(list[i].created_ms, time));
        buf_addz(&xml, "</Upload>");
    }
    buf_addz(&xml, "</ListMultipartUploadsResult>");
    storage_reply_xml(c, &xml);
}

void storage_list_uploads(struct call *c)
{
    if (storage_bucket(c))
        objects_uploads(c->api->objects, ask_of(c)->bucket, on_uploads, c);
}

/* ---- complete ---- */

static void on_complete(void *user, int r, const struct object *ob)
{
    struct call *c = user;
    struct buf xml;

    if (r < 0) {
        fail(c, r);
        return;
    }
    buf_init(&xml, ANSWER_XML);
    xml_begin(&xml, "CompleteMultipartUploadResult");
    if (c->req) {
        buf_addz(&xml, "<Location>http://");
        buf_adds(&xml, c->req->host);
        buf_adds(&xml, c->req->path);
        buf_addz(&xml, "</Location>");
        xml_add(&xml, "Bucket", c->captures[0]);
        xml_add(&xml, "Key", c->captures[1]);
    }
    buf_addf(&xml, "<ETag>&quot;%s&quot;</ETag>", ob->etag);
    buf_addz(&xml, "</CompleteMultipartUploadResult>");
    storage_reply_xml(c, &xml);
}

static struct str unquoted(struct str s)
{
    s = str_trim(s);
    return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"' ? (struct str){s.p + 1, s.n - 2} : s;
}

/* One element of a part has ended. */
static int take_element(const struct xml *x, struct upload_part *parts, uint32_t *n)
{
    struct str name = x->names[x->depth - 1], text = buf_str(x->text);
    uint64_t number;

    if (x->depth == 2 && str_eq(name, S("Part"))) {
        if (parts[*n].number == 0 || parts[*n].etag[0] == '\0')
            return -EINVAL;
        ++*n;
        return 0;
    }
    if (x->depth != 3)
        return 0;
    if (*n == OBJECT_PARTS)
        return -EINVAL;
    if (str_eq(name, S("PartNumber"))) {
        if (str_u64(str_trim(text), 1, OBJECT_PARTS, &number) < 0)
            return -EINVAL;
        parts[*n].number = (uint32_t)number;
    } else if (str_eq(name, S("ETag"))) {
        struct str etag = unquoted(text);

        if (etag.n == 0 || etag.n >= sizeof(parts[*n].etag))
            return -EINVAL;
        for (size_t i = 0; i < etag.n; i++)
            parts[*n].etag[i] = str_lower(etag.p[i]);
        parts[*n].etag[etag.n] = '\0';
    }
    return 0;
}

/* How many; -EINVAL. */
static int read_parts(struct str body, struct upload_part *parts)
{
    struct buf text;
    struct xml x;
    uint32_t n = 0;
    int r = XML_OPEN;

    buf_init(&text, 4096);
    xml_init(&x, body, &text);
    while (r >= 0 && r != XML_END) {
        r = xml_next(&x);
        if (r == XML_CLOSE && take_element(&x, parts, &n) < 0)
            r = -EINVAL;
    }
    buf_done(&text);
    return r < 0 || n == 0 ? -EINVAL : (int)n;
}

void storage_complete_upload(struct call *c)
{
    const struct ask *a = ask_of(c);
    cleanup_free struct upload_part *parts = NULL;
    int n;

    if (!storage_bucket(c))
        return;
    parts = xcalloc(OBJECT_PARTS + 1, sizeof(*parts));
    n = read_parts(c->req->body, parts);
    if (n < 0)
        call_fail(c, 400, "MalformedXML",
                  "The XML you provided was not well-formed or did not validate against our "
                  "published schema.");
    else
        objects_complete(c->api->objects, a->bucket, a->key, call_query(c, S("uploadId")), parts,
                         (uint32_t)n, on_complete, c);
}

/* ---- abort ---- */

static void on_aborted(void *user, int r)
{
    struct call *c = user;

    if (r < 0)
        fail(c, r);
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

void storage_abort_upload(struct call *c)
{
    const struct ask *a = ask_of(c);

    if (storage_bucket(c))
        objects_abort(c->api->objects, a->bucket, a->key, call_query(c, S("uploadId")), on_aborted,
                      c);
}
