/* SPDX-License-Identifier: Apache-2.0 */
/*
 * route.c - which operation of object storage is a request?
 *
 * By its name in the network it is a bucket's (COS, OSS, OBS, ours), or a service's, whose path then begins
 * with the bucket; under a name of ours it is storage's if it carries a signature of storage, and goes
 * by path too. What it wants is the method, whether there is a bucket and a key, and one parameter of the
 * query; a parameter that stands for something we do not have is refused, never passed over.
 */
#include <errno.h>

#include "api/host.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"
#include "base/uri.h"
#include "fn/key.h"
#include "http/server.h"
#include "sign/storage.h"
#include "storage/internal.h"
#include "storage/storage.h"

const char *const flavour_prefixes[FLAVOURS] = {[FLAVOUR_S3] = "x-amz-",
                                                [FLAVOUR_OSS] = "x-oss-",
                                                [FLAVOUR_COS] = "x-cos-",
                                                [FLAVOUR_OBS] = "x-obs-"};

enum level { SERVICE, BUCKET, OBJECT };

#define XML_MAX (2 << 20) /* 10000 parts to complete, 1000 keys to delete */
#define READS   .scope = KEY_READ, .each = true
#define WRITES  .scope = KEY_DEPLOY, .each = true

/* In the order of how they are found: the first that fits. The parameter stands behind '?'. */
const struct api_op storage_ops[] = {
        {.route = {"GET", "/"}, .name = "ListBuckets", .handle = storage_list_buckets, READS},
        {.route = {"GET", "/{bucket}?location"},
         .name = "GetBucketLocation",
         .handle = storage_bucket_location,
         READS},
        {.route = {"GET", "/{bucket}?bucketInfo"},
         .name = "GetBucketInfo",
         .handle = storage_bucket_info,
         READS},
        {.route = {"GET", "/{bucket}?uploads"},
         .name = "ListMultipartUploads",
         .handle = storage_list_uploads,
         READS},
        {.route = {"GET", "/{bucket}?list-type"},
         .name = "ListObjectsV2",
         .handle = storage_list_objects_v2,
         READS},
        {.route = {"GET", "/{bucket}"},
         .name = "ListObjects",
         .handle = storage_list_objects,
         READS},
        {.route = {"HEAD", "/{bucket}"},
         .name = "HeadBucket",
         .handle = storage_head_bucket,
         READS},
        {.route = {"PUT", "/{bucket}"},
         .name = "CreateBucket",
         .handle = storage_create_bucket,
         .body_max = XML_MAX,
         WRITES},
        {.route = {"DELETE", "/{bucket}"},
         .name = "DeleteBucket",
         .handle = storage_delete_bucket,
         WRITES},
        {.route = {"POST", "/{bucket}?delete"},
         .name = "DeleteObjects",
         .handle = storage_delete_objects,
         .body_max = XML_MAX,
         WRITES},
        {.route = {"GET", "/{bucket}/{key}?uploadId"},
         .name = "ListParts",
         .handle = storage_list_parts,
         READS},
        {.route = {"GET", "/{bucket}/{key}"},
         .name = "GetObject",
         .handle = storage_get_object,
         READS},
        {.route = {"HEAD", "/{bucket}/{key}"},
         .name = "HeadObject",
         .handle = storage_get_object,
         READS},
        {.route = {"PUT", "/{bucket}/{key}?partNumber"},
         .name = "UploadPart",
         .handle = storage_put_part,
         .body_max = OBJECT_BYTES_MAX,
         WRITES},
        {.route = {"PUT", "/{bucket}/{key}"},
         .name = "PutObject",
         .handle = storage_put_object,
         .body_max = OBJECT_BYTES_MAX,
         .role = API_ROLE_ACCOUNT, /* a token for one upload; admit() sees which */
         WRITES},
        {.route = {"DELETE", "/{bucket}/{key}?uploadId"},
         .name = "AbortMultipartUpload",
         .handle = storage_abort_upload,
         WRITES},
        {.route = {"DELETE", "/{bucket}/{key}"},
         .name = "DeleteObject",
         .handle = storage_delete_object,
         WRITES},
        {.route = {"POST", "/{bucket}/{key}?uploads"},
         .name = "CreateMultipartUpload",
         .handle = storage_begin_upload,
         WRITES},
        {.route = {"POST", "/{bucket}/{key}?uploadId"},
         .name = "CompleteMultipartUpload",
         .handle = storage_complete_upload,
         .body_max = XML_MAX,
         WRITES},
};
const uint32_t storage_nops = ARRAY_LEN(storage_ops);

/* What a parameter of the query asks for that we do not have, or have only where the table says so. */
static const char *const subresources[] = {"acl",
                                           "accelerate",
                                           "analytics",
                                           "append",
                                           "bucketInfo",
                                           "cors",
                                           "delete",
                                           "encryption",
                                           "intelligent-tiering",
                                           "inventory",
                                           "legal-hold",
                                           "lifecycle",
                                           "location",
                                           "logging",
                                           "metrics",
                                           "notification",
                                           "object-lock",
                                           "objectMeta",
                                           "ownershipControls",
                                           "partNumber",
                                           "policy",
                                           "policyStatus",
                                           "publicAccessBlock",
                                           "quota",
                                           "referer",
                                           "replication",
                                           "requestPayment",
                                           "restore",
                                           "retention",
                                           "select",
                                           "stat",
                                           "storageClass",
                                           "storageinfo",
                                           "symlink",
                                           "tagging",
                                           "torrent",
                                           "uploadId",
                                           "uploads",
                                           "versioning",
                                           "versions",
                                           "website",
                                           "worm",
                                           "attributes",
                                           "x-oss-process",
                                           "x-image-process",
                                           "ci-process"};

static const struct api_op absent = {.route = {"*", "/{bucket}/{key}?..."},
                                     .name = "NotImplemented",
                                     .handle = storage_absent,
                                     .body_max = XML_MAX,
                                     READS,
                                     .absent = "any other operation: NotImplemented (501)"};

/* ---- whose request ---- */

static struct str without_port(struct str host)
{
    const char *colon = host.n ? memrchr(host.p, ':', host.n) : NULL;

    if (colon && (host.p[0] != '[' || host.p[host.n - 1] != ']'))
        host.n = (size_t)(colon - host.p);
    if (host.n > 0 && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

static bool is_signed(const struct http_request *r)
{
    struct sign_header list[H1_MAX_HEADERS];
    uint32_t n = r->nheaders < H1_MAX_HEADERS ? r->nheaders : H1_MAX_HEADERS;

    for (uint32_t i = 0; i < n; i++)
        list[i] = (struct sign_header){r->headers[i].name, r->headers[i].value};
    return sign_storage_is(
            &(struct sign_request){.query = r->query, .headers = list, .nheaders = n});
}

/* Under a name of ours a signed URL alone is not enough of a sign: other doors have parameters too. */
bool storage_claims(const struct http_request *r)
{
    struct str bucket;
    int dialect;

    return object_host(without_port(r->host), &bucket, &dialect) || is_signed(r);
}

static enum flavour flavour_of(const struct http_request *r, int dialect)
{
    struct str authorization = http_header(r, S("authorization"));

    if (dialect >= 0)
        return dialect == DIALECT_FC    ? FLAVOUR_OSS
               : dialect == DIALECT_SCF ? FLAVOUR_COS
                                        : FLAVOUR_OBS;
    if (str_starts(authorization, S("OSS")) || str_find(r->query, S("OSSAccessKeyId=")) >= 0 ||
        str_find(r->query, S("x-oss-")) >= 0)
        return FLAVOUR_OSS;
    if (str_starts(authorization, S("q-sign")) || str_find(r->query, S("q-sign-")) >= 0)
        return FLAVOUR_COS;
    if (str_starts(authorization, S("OBS ")) || str_starts(r->query, S("AccessKeyId=")) ||
        str_find(r->query, S("&AccessKeyId=")) >= 0)
        return FLAVOUR_OBS;
    return FLAVOUR_S3;
}

/* ---- what it is about ---- */

static bool decode(struct call *c, struct str raw, struct str *ret)
{
    cleanup_with(buf_done) struct buf plain;
    char *copy;

    buf_init(&plain, raw.n + 1);
    if (uri_decode(raw, false, &plain) < 0)
        return false;
    copy = arena_strdup(c->req->arena, buf_str(&plain));
    if (!copy)
        return false;
    *ret = (struct str){copy, plain.n};
    return true;
}

/* False: it has replied. */
static bool read_target(struct call *c, struct ask *a)
{
    struct str path = str_from(c->req->path, 1), bucket;
    int dialect = -1;

    if (object_host(without_port(c->req->host), &bucket, &dialect)) {
        a->flavour = flavour_of(c->req, dialect);
    } else {
        bucket = S("");
        a->flavour = flavour_of(c->req, -1);
        if (!host_is_ours(c->req->host, str_of(c->api->hosts ? c->api->hosts : ""))) {
            call_fail(c, 421, "InvalidRequest", "this is not the Host of a bucket here");
            return false;
        }
    }
    if (bucket.n == 0)
        bucket = str_cut(&path, '/');
    if (!decode(c, bucket, &a->bucket) || !decode(c, path.p ? path : S(""), &a->key)) {
        call_fail(c, 400, "InvalidURI", "the path is malformed");
        return false;
    }
    return true;
}

static bool check_names(struct call *c, const struct ask *a)
{
    if (a->bucket.n > 0 && !bucket_name_is_valid(a->bucket)) {
        call_fail(c, 400, "InvalidBucketName", "The specified bucket is not valid.");
        return false;
    }
    if (a->key.n > OBJECT_KEY) {
        call_fail(c, 400, "KeyTooLongError", "Your key is too long: %zu bytes, %d are allowed",
                  a->key.n, OBJECT_KEY);
        return false;
    }
    if (a->key.n > 0 && !object_key_is_valid(a->key)) {
        call_fail(c, 400, "InvalidURI", "The key of an object is UTF-8.");
        return false;
    }
    return true;
}

/* ---- what it wants ---- */

static bool has_param(struct str query, struct str wanted)
{
    struct str rest = query, name, value;

    while (uri_query_next(&rest, &name, &value))
        if (str_eq(name, wanted))
            return true;
    return false;
}

/* The first parameter that stands for something of its own; STR_NONE: there is none. */
static struct str subresource(struct str query)
{
    for (size_t i = 0; i < ARRAY_LEN(subresources); i++)
        if (has_param(query, str_of(subresources[i])))
            return str_of(subresources[i]);
    return STR_NONE;
}

static enum level level_of(struct str pattern)
{
    return str_find(pattern, S("{key}")) >= 0      ? OBJECT
           : str_find(pattern, S("{bucket}")) >= 0 ? BUCKET
                                                   : SERVICE;
}

static const struct api_op *find_op(const struct call *c, const struct ask *a)
{
    enum level level = a->key.n > 0 ? OBJECT : a->bucket.n > 0 ? BUCKET : SERVICE;
    struct str sub = subresource(c->req->query);

    if (str_eq(sub, S("objectMeta"))) /* of OSS: the head by another name */
        sub = STR_NONE;
    for (uint32_t i = 0; i < storage_nops; i++) {
        struct str rest = str_of(storage_ops[i].route.pattern), path = str_cut(&rest, '?');

        if (!str_eq(c->req->method, str_of(storage_ops[i].route.method)) || level_of(path) != level)
            continue;
        if (rest.p ? has_param(c->req->query, rest) : !sub.p)
            return &storage_ops[i];
    }
    return &absent;
}

const struct api_op *storage_route(struct call *c)
{
    struct ask *a = arena_alloc(c->req->arena, sizeof(*a));
    const struct api_op *op;

    c->state = a;
    if (!a) {
        call_fail(c, 431, "InvalidRequest", "the head of the request is too large");
        return NULL;
    }
    if (!read_target(c, a) || !check_names(c, a))
        return NULL;
    op = find_op(c, a);
    if (op->handle == storage_put_object &&
        http_header(c->req, str_of(a->flavour == FLAVOUR_S3    ? "x-amz-copy-source"
                                   : a->flavour == FLAVOUR_OSS ? "x-oss-copy-source"
                                   : a->flavour == FLAVOUR_COS ? "x-cos-copy-source"
                                                               : "x-obs-copy-source"))
                .p)
        return &absent;
    c->captures[0] = a->bucket;
    c->captures[1] = a->key;
    return op;
}

/* ---- the set ---- */

static void refuse(struct call *c, enum auth_failure why, const struct err *e)
{
    switch (why) {
    case AUTH_OK:
    case AUTH_MISSING:
        call_fail(c, 403, "AccessDenied", "%s", e->msg);
        break;
    case AUTH_MALFORMED:
        call_fail(c, 400, "AuthorizationHeaderMalformed", "%s", e->msg);
        break;
    case AUTH_UNKNOWN_KEY:
        call_fail(c, 403, "InvalidAccessKeyId", "%s", e->msg);
        break;
    case AUTH_STALE:
        if (e->code == -ETIME)
            call_fail(c, 403, "AccessDenied", "Request has expired: %s", e->msg);
        else
            call_fail(c, 403, "RequestTimeTooSkewed", "%s", e->msg);
        break;
    case AUTH_MISMATCH:
        call_fail(c, 403, "SignatureDoesNotMatch", "%s", e->msg);
        break;
    case AUTH_BAD_TOKEN:
        call_fail(c, 403, "InvalidToken", "%s", e->msg);
        break;
    case AUTH_EXPIRED:
        call_fail(c, 400, "ExpiredToken", "%s", e->msg);
        break;
    }
}

static bool admit(struct call *c)
{
    struct ask *a = ask_of(c);
    struct storage_target t = {a->bucket, a->key};
    struct err e = {0};
    enum auth_failure why =
            auth_storage_head(c->api->keys, c->req, &t, clock_wall_ms(), &a->auth, &e);

    if (why != AUTH_OK) {
        refuse(c, why, &e);
        return false;
    }
    call_signed_by(c, &a->auth.caller);
    /* What is large is not taken in from who may not put it there. */
    return c->op->body_max <= XML_MAX || (storage_token_allows(c) && storage_bucket(c));
}

/* All of it was checked at the head. */
static enum auth_failure verify(const struct keys *k, const struct http_request *r, struct err *e)
{
    (void)k;
    (void)r;
    (void)e;
    return AUTH_OK;
}

static const char *code_of(int status)
{
    return status == 403   ? "AccessDenied"
           : status == 404 ? "NoSuchKey"
           : status == 405 ? "MethodNotAllowed"
           : status == 413 ? "EntityTooLarge"
           : status == 501 ? "NotImplemented"
           : status == 503 ? "ServiceUnavailable"
           : status >= 500 ? "InternalError"
                           : "InvalidRequest";
}

static const char *error_body(struct http_request *r, const char *request_id, int status,
                              const char *code, const char *message, struct buf *out)
{
    xml_begin(out, "Error");
    xml_addz(out, "Code", code ? code : code_of(status));
    xml_addz(out, "Message", message);
    if (r)
        xml_add(out, "Resource", (struct str){r->path.p, r->path.n < 1024 ? r->path.n : 1024});
    xml_addz(out, "RequestId", request_id);
    xml_addz(out, "HostId", "evoke");
    buf_addz(out, "</Error>");
    return "application/xml";
}

static void headers(struct call *c)
{
    static const char *const names[FLAVOURS] = {[FLAVOUR_S3] = "x-amz-request-id",
                                                [FLAVOUR_OSS] = "x-oss-request-id",
                                                [FLAVOUR_COS] = "x-cos-request-id",
                                                [FLAVOUR_OBS] = "x-obs-request-id"};
    const struct ask *a = ask_of(c);

    call_header(c, names[a ? a->flavour : FLAVOUR_S3], str_of(c->request_id));
}

static void too_large(const struct api_op *op, struct api_too_large *x)
{
    (void)op;
    x->status = 400;
    x->code = "EntityTooLarge";
}

const struct api_set storage_api = {
        .name = "storage",
        .prefix = "(storage)",
        .ops = storage_ops,
        .nops = ARRAY_LEN(storage_ops),
        .any_host = true,
        .claims = storage_claims,
        .route = storage_route,
        .admit = admit,
        .verify = verify,
        .refuse = refuse,
        .too_large = too_large,
        .error = error_body,
        .headers = headers,
};

/* ---- what handlers share ---- */

const struct bucket *storage_bucket(struct call *c)
{
    const struct ask *a = ask_of(c);
    const struct bucket *b = c->api->objects ? objects_bucket(c->api->objects, a->bucket) : NULL;

    if (!b) {
        call_fail(c, 404, "NoSuchBucket", "The specified bucket does not exist.");
        return NULL;
    }
    if (c->by.account[0] && !str_eq(str_of(b->owner), str_of(c->by.account))) {
        call_fail(c, 403, "AccessDenied", "Access Denied.");
        return NULL;
    }
    return b;
}

void storage_fail(struct call *c, int r)
{
    if (r == -ENOENT)
        call_fail(c, 404, "NoSuchKey", "The specified key does not exist.");
    else if (r == -EDQUOT)
        call_fail(c, 403, "QuotaExceeded",
                  "there is no room for it (options objects-max and "
                  "objects-size)");
    else if (r == -ENOSPC)
        call_fail(c, 503, "ServiceUnavailable", "the disk is full");
    else if (r == -EAGAIN || r == -EBUSY)
        call_fail(c, 503, "SlowDown", "Please reduce your request rate.");
    else if (r == -E2BIG)
        call_fail(c, 400, "MetadataTooLarge", "what is to be kept with the object is too large");
    else
        call_fail(c, 500, "InternalError", "%s", strerror(-r));
}

/* No cloud tells more than the second, and some clients read nothing else. */
const char *storage_time(int64_t ms, char out[CLOCK_TEXT])
{
    return clock_iso_ms(ms / 1000 * 1000, out);
}

void storage_reply_xml(struct call *c, struct buf *xml)
{
    call_reply_buf(c, 200, S("application/xml"), xml);
}

void storage_absent(struct call *c)
{
    call_fail(c, 501, "NotImplemented",
              "A header or query you provided implies functionality that is not implemented.");
}
