/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage_mac.c - the arithmetic of the signatures of object storage.
 *
 *   AWS4  METHOD \n path \n query \n "name:value\n"... \n names \n hash of the body
 *   OSS4  the same with /bucket/key for the path, "a" for "a=", its own headers always signed
 *   COS   method \n path \n a=1&b=2 \n name=value&... \n       (names lower case, both escaped)
 *   OSS, OBS, AWS2
 *         METHOD \n Content-MD5 \n Content-Type \n Date \n "x-oss-name:value\n"... /bucket/key?sub=resource
 *
 * A query is sorted by name, then value, whatever the order in which it came.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/obj.h"
#include "base/uri.h"
#include "sign/canon.h"
#include "sign/storage.h"

/* ---- the query ---- */

struct pair {
    char *name, *value; /* owned, decoded; name in lower case where it is asked for */
    bool bare;          /* without '=' */
};

struct pairs {
    struct pair *list;
    size_t n;
};

static char *decoded(struct str raw)
{
    struct buf b;

    buf_init(&b, CANON_MAX);
    if (uri_decode(raw, true, &b) < 0)
        buf_adds(&b, raw);
    return buf_take(&b);
}

static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    int r = strcmp(x->name, y->name);

    return r ? r : strcmp(x->value, y->value);
}

static void pairs_done(struct pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->list[i].name);
        free(p->list[i].value);
    }
    free(p->list);
}

static int read_pairs(struct str query, struct pairs *ret)
{
    struct str rest = query, name, value;
    size_t n = 0;

    *ret = (struct pairs){0};
    while (uri_query_next(&rest, &name, &value))
        n++;
    if (n > CANON_PAIRS)
        return -EMSGSIZE;
    ret->list = xcalloc(n + 1, sizeof(*ret->list));
    rest = query;
    while (uri_query_next(&rest, &name, &value))
        ret->list[ret->n++] = (struct pair){decoded(name), decoded(value), !value.p};
    qsort(ret->list, ret->n, sizeof(*ret->list), by_name);
    return 0;
}

/* OSS writes "a" for "a=", the others as it came, S3 always "a=". */
static void add_pair(const struct pair *p, bool escape, bool bare, bool first, struct buf *out)
{
    if (!first)
        buf_addc(out, '&');
    if (escape)
        uri_encode(str_of(p->name), "", out);
    else
        buf_addz(out, p->name);
    if (bare)
        return;
    buf_addc(out, '=');
    if (escape)
        uri_encode(str_of(p->value), "", out);
    else
        buf_addz(out, p->value);
}

static bool is_in(struct str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(name, str_of(list[i])))
            return true;
    return false;
}

/* ---- headers ---- */

struct lines {
    char **list; /* owned */
    size_t n;
};

static void lines_done(struct lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->list[i]);
    free(l->list);
}

/* By the name before sep, which no name has in it. */
static int by_head(const void *a, const void *b)
{
    struct str x = str_of(*(char *const *)a), y = str_of(*(char *const *)b);

    return str_cmp(str_cut(&x, ':'), str_cut(&y, ':'));
}

static bool starts_nocase(struct str s, struct str start)
{
    return s.n >= start.n && str_ieq((struct str){s.p, start.n}, start);
}

static bool names_have(struct str names, struct str name)
{
    while (names.p)
        if (str_ieq(str_trim(str_cut(&names, ';')), name))
            return true;
    return false;
}

static bool is_oss4_header(struct str name, struct str more)
{
    return starts_nocase(name, S("x-oss-")) || str_ieq(name, S("content-type")) ||
           str_ieq(name, S("content-md5")) || names_have(more, name);
}

/* "name:value\n" of all with the prefix, or of all that OSS4 signs; sorted. */
static void add_headers(const struct sign_request *r, struct str prefix, bool four, struct str more,
                        struct buf *out)
{
    struct lines l = {.list = xcalloc(r->nheaders + 1, sizeof(char *))};

    for (uint32_t i = 0; i < r->nheaders; i++) {
        struct str name = r->headers[i].name;
        struct buf line;

        if (!(four ? is_oss4_header(name, more) : starts_nocase(name, prefix)))
            continue;
        buf_init(&line, CANON_MAX);
        canon_lower(name, &line);
        buf_addc(&line, ':');
        buf_adds(&line, str_trim(r->headers[i].value));
        l.list[l.n++] = buf_take(&line);
    }
    qsort(l.list, l.n, sizeof(*l.list), by_head);
    for (size_t i = 0; i < l.n; i++) {
        buf_addz(out, l.list[i]);
        buf_addc(out, '\n');
    }
    lines_done(&l);
}

/* ---- AWS4 and OSS4 ---- */

static struct str bytes(const uint8_t *p, size_t n)
{
    return (struct str){(const char *)p, n};
}

static void scope_key(struct str secret_key, const char *start, struct str scope, uint8_t out[32])
{
    cleanup_with(buf_done) struct buf first;
    struct str rest = scope;

    buf_init(&first, CANON_MAX);
    buf_addz(&first, start);
    buf_adds(&first, secret_key);
    hmac_sha256(buf_str(&first), str_cut(&rest, '/'), out);
    while (rest.p)
        hmac_sha256(bytes(out, SHA256_LEN), str_cut(&rest, '/'), out);
    explicit_bzero(first.p, first.n);
}

void sign_aws4_key(struct str secret_key, struct str scope, uint8_t out[32])
{
    scope_key(secret_key, "AWS4", scope, out);
}

static void add_target(const struct storage_target *t, bool escape, bool short_bucket,
                       struct buf *out)
{
    buf_addc(out, '/');
    if (t->bucket.n == 0)
        return;
    buf_adds(out, t->bucket);
    if (short_bucket && t->key.n == 0)
        return;
    buf_addc(out, '/');
    if (escape)
        uri_encode(t->key, "/", out);
    else
        buf_adds(out, t->key);
}

static void add_path(struct str path, struct buf *out)
{
    cleanup_with(buf_done) struct buf plain;

    buf_init(&plain, CANON_MAX);
    if (uri_decode(path, false, &plain) < 0)
        buf_adds(&plain, path);
    uri_encode(buf_str(&plain), "/", out);
}

static struct str body_hash(const struct sign_request *r, const struct sign_storage *how)
{
    struct str given = canon_header(r, how->scheme == STORAGE_AWS4 ? S("x-amz-content-sha256")
                                                                   : S("x-oss-content-sha256"));

    return given.n ? given : S("UNSIGNED-PAYLOAD");
}

static int canonical_four(const struct sign_request *r, const struct sign_storage *how,
                          const struct storage_target *t, struct buf *out, struct err *e)
{
    bool aws = how->scheme == STORAGE_AWS4, first = true;
    struct pairs pairs;
    int res = read_pairs(r->query, &pairs);

    if (res < 0)
        return err_set(e, ERR_LIMIT, res, "the query has more than %d parts", CANON_PAIRS);
    buf_adds(out, r->method);
    buf_addc(out, '\n');
    if (aws)
        add_path(r->path, out);
    else
        add_target(t, true, false, out);
    buf_addc(out, '\n');
    for (size_t i = 0; i < pairs.n; i++) {
        if (how->in_query &&
            str_eq(str_of(pairs.list[i].name), aws ? S("X-Amz-Signature") : S("x-oss-signature")))
            continue;
        add_pair(&pairs.list[i], true, !aws && !pairs.list[i].value[0], first, out);
        first = false;
    }
    pairs_done(&pairs);
    buf_addc(out, '\n');
    if (aws)
        res = canon_headers(r, how->names, out, e);
    else
        add_headers(r, STR_NONE, true, how->names, out);
    buf_addc(out, '\n');
    buf_adds(out, how->names);
    buf_addc(out, '\n');
    buf_adds(out, body_hash(r, how));
    return res;
}

static int expect_four(const struct sign_request *r, const struct sign_storage *how,
                       const struct storage_target *t, struct str secret_key, char *out,
                       struct err *e)
{
    bool aws = how->scheme == STORAGE_AWS4;
    cleanup_with(buf_done) struct buf text;
    uint8_t key[SHA256_LEN], mac[SHA256_LEN];
    char hash[SHA256_HEX];
    int res;

    buf_init(&text, CANON_MAX);
    res = canonical_four(r, how, t, &text, e);
    if (res < 0)
        return res;
    if (!buf_ok(&text))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the request is too large to be signed");
    sha256_hex(buf_str(&text), hash);
    buf_reset(&text);
    buf_addz(&text, aws ? "AWS4-HMAC-SHA256\n" : "OSS4-HMAC-SHA256\n");
    buf_adds(&text, how->date);
    buf_addc(&text, '\n');
    buf_adds(&text, how->scope);
    buf_addc(&text, '\n');
    buf_addz(&text, hash);
    scope_key(secret_key, aws ? "AWS4" : "aliyun_v4", how->scope, key);
    hmac_sha256(bytes(key, sizeof(key)), buf_str(&text), mac);
    hex_encode(mac, sizeof(mac), out);
    explicit_bzero(key, sizeof(key));
    return 0;
}

int sign_aws4_authorize(const struct sign_request *r, struct str region, struct str access_key,
                        struct str secret_key, struct buf *out, struct err *e)
{
    cleanup_with(buf_done) struct buf names;
    cleanup_with(buf_done) struct buf scope;
    struct sign_storage how = {.scheme = STORAGE_AWS4, .date = canon_header(r, S("x-amz-date"))};
    char signature[STORAGE_SIGNATURE];
    int res;

    buf_init(&names, CANON_MAX);
    buf_init(&scope, 256);
    for (uint32_t i = 0; i < r->nheaders; i++)
        buf_addf(&names, "%s%.*s", i ? ";" : "", STR_ARG(r->headers[i].name));
    buf_addf(&scope, "%.*s/%.*s/s3/aws4_request", (int)(how.date.n < 8 ? how.date.n : 8),
             how.date.p ? how.date.p : "", STR_ARG(region));
    how.names = buf_str(&names);
    how.scope = buf_str(&scope);
    res = expect_four(r, &how, &(struct storage_target){0}, secret_key, signature, e);
    if (res < 0)
        return res;
    buf_addf(out, "AWS4-HMAC-SHA256 Credential=%.*s/%s, SignedHeaders=%s, Signature=%s",
             STR_ARG(access_key), scope.p, names.p, signature);
    return buf_ok(out) && buf_ok(&scope) && buf_ok(&names) ? 0 : -EMSGSIZE;
}

/* ---- COS ---- */

static void hmac_sha1_hex(struct str key, struct str text, char out[DIGEST_HEX])
{
    uint8_t mac[HMAC_MOST];

    hex_encode(mac, hmac_named(S("sha1"), key, text, mac), out);
}

static void add_cos_one(struct str name, struct str value, bool first, struct buf *out)
{
    cleanup_with(buf_done) struct buf escaped;

    buf_init(&escaped, CANON_MAX);
    uri_encode(name, "", &escaped);
    if (!first)
        buf_addc(out, '&');
    canon_lower(buf_str(&escaped), out);
    buf_addc(out, '=');
    uri_encode(value, "", out);
}

static int add_cos_params(const struct sign_request *r, const struct sign_storage *how,
                          struct buf *out, struct err *e)
{
    struct str rest = how->params;
    struct pairs pairs;
    bool first = true;
    int res = read_pairs(r->query, &pairs);

    if (res < 0)
        return err_set(e, ERR_LIMIT, res, "the query has more than %d parts", CANON_PAIRS);
    while (rest.n && res == 0) {
        cleanup_free char *name = decoded(str_cut(&rest, ';'));
        size_t i = 0;

        while (i < pairs.n && !str_ieq(str_of(pairs.list[i].name), str_of(name)))
            i++;
        if (i == pairs.n)
            res = err_set(e, ERR_CALLER, -EINVAL, "signed parameter '%.128s' is missing", name);
        else
            add_cos_one(str_of(name), str_of(pairs.list[i].value), first, out);
        first = false;
    }
    pairs_done(&pairs);
    return res;
}

static struct str without_port(struct str host)
{
    ptrdiff_t colon = str_find(host, S(":"));

    return colon < 0 ? host : (struct str){host.p, (size_t)colon};
}

static int add_cos_headers(const struct sign_request *r, const struct sign_storage *how,
                           bool bare_host, struct buf *out, struct err *e)
{
    struct str rest = how->names;
    bool first = true;

    while (rest.n) {
        struct str name = str_cut(&rest, ';'), value = canon_header(r, name);

        if (!value.p)
            return err_set(e, ERR_CALLER, -EINVAL, "signed header '%.*s' is missing",
                           (int)(name.n < 128 ? name.n : 128), name.p);
        if (bare_host && str_ieq(name, S("host")))
            value = without_port(value);
        add_cos_one(name, value, first, out);
        first = false;
    }
    return 0;
}

static int expect_cos(const struct sign_request *r, const struct sign_storage *how, int spelling,
                      struct str secret_key, char *out, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    char key[DIGEST_HEX], hash[DIGEST_HEX];
    uint8_t sum[DIGEST_MOST];
    int res;

    buf_init(&text, CANON_MAX);
    canon_lower(r->method, &text);
    buf_addc(&text, '\n');
    if (uri_decode(r->path, false, &text) < 0)
        buf_adds(&text, r->path);
    buf_addc(&text, '\n');
    res = add_cos_params(r, how, &text, e);
    if (res < 0)
        return res;
    buf_addc(&text, '\n');
    res = add_cos_headers(r, how, spelling == 1, &text, e);
    if (res < 0)
        return res;
    buf_addc(&text, '\n');
    if (!buf_ok(&text))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the request is too large to be signed");
    hex_encode(sum, digest_of(DIGEST_SHA1, buf_str(&text), sum), hash);
    buf_reset(&text);
    buf_addf(&text, "sha1\n%.*s\n%s\n", STR_ARG(how->date), hash);
    hmac_sha1_hex(secret_key, how->date, key);
    hmac_sha1_hex(str_of(key), buf_str(&text), out);
    explicit_bzero(key, sizeof(key));
    return 0;
}

/* ---- OSS, OBS, AWS2 ---- */

/* Parameters that are part of what a request is about, and so of what is signed. */
static const char *const oss_parts[] = {"response-content-type",
                                        "response-content-language",
                                        "response-cache-control",
                                        "response-content-encoding",
                                        "response-expires",
                                        "response-content-disposition",
                                        "logging",
                                        "acl",
                                        "uploadId",
                                        "uploads",
                                        "partNumber",
                                        "group",
                                        "link",
                                        "delete",
                                        "website",
                                        "location",
                                        "objectInfo",
                                        "objectMeta",
                                        "cors",
                                        "lifecycle",
                                        "restore",
                                        "qos",
                                        "referer",
                                        "stat",
                                        "bucketInfo",
                                        "append",
                                        "position",
                                        "security-token",
                                        "live",
                                        "comp",
                                        "status",
                                        "vod",
                                        "startTime",
                                        "endTime",
                                        "x-oss-process",
                                        "symlink",
                                        "callback",
                                        "callback-var",
                                        "tagging",
                                        "encryption",
                                        "versions",
                                        "versioning",
                                        "versionId",
                                        "policy",
                                        "requestPayment",
                                        "x-oss-traffic-limit",
                                        "qosInfo",
                                        "asyncFetch",
                                        "x-oss-request-payer",
                                        "sequential",
                                        "inventory",
                                        "inventoryId",
                                        "continuation-token",
                                        "worm",
                                        "wormId",
                                        "wormExtend",
                                        "replication",
                                        "replicationLocation",
                                        "replicationProgress",
                                        "transferAcceleration",
                                        "cname",
                                        "metaQuery",
                                        "x-oss-ac-source-ip",
                                        "x-oss-ac-subnet-mask",
                                        "x-oss-ac-vpc-id",
                                        "x-oss-ac-forward-allow",
                                        "resourceGroup",
                                        "style",
                                        "styleName",
                                        "x-oss-async-process",
                                        "regionList"};

static const char *const s3_parts[] = {"acl",
                                       "backtosource",
                                       "policy",
                                       "torrent",
                                       "logging",
                                       "location",
                                       "storageinfo",
                                       "quota",
                                       "storageclass",
                                       "storagepolicy",
                                       "storageClass",
                                       "storagePolicy",
                                       "requestpayment",
                                       "requestPayment",
                                       "versions",
                                       "versioning",
                                       "versionId",
                                       "versionid",
                                       "uploads",
                                       "uploadId",
                                       "uploadid",
                                       "partNumber",
                                       "partnumber",
                                       "website",
                                       "notification",
                                       "dispolicy",
                                       "lifecycle",
                                       "deletebucket",
                                       "delete",
                                       "cors",
                                       "restore",
                                       "tagging",
                                       "replication",
                                       "metadata",
                                       "encryption",
                                       "publicaccessblock",
                                       "publicAccessBlock",
                                       "append",
                                       "position",
                                       "rename",
                                       "truncate",
                                       "modify",
                                       "length",
                                       "name",
                                       "fileinterface",
                                       "object-lock",
                                       "inventory",
                                       "id",
                                       "accelerate",
                                       "analytics",
                                       "metrics",
                                       "attname",
                                       "directcoldaccess",
                                       "mirrorBackToSource",
                                       "obsbucketalias",
                                       "obsalias",
                                       "disPolicy",
                                       "listcontentsummary",
                                       "multilistcontentsummary",
                                       "response-content-type",
                                       "response-content-language",
                                       "response-expires",
                                       "response-cache-control",
                                       "response-content-disposition",
                                       "response-content-encoding",
                                       "x-image-process",
                                       "x-image-save-bucket",
                                       "x-image-save-object",
                                       "x-oss-process"};

static bool is_part(const struct sign_storage *how, struct str name)
{
    if (how->scheme == STORAGE_OSS)
        return is_in(name, oss_parts, ARRAY_LEN(oss_parts));
    return is_in(name, s3_parts, ARRAY_LEN(s3_parts)) || starts_nocase(name, S("x-obs-")) ||
           starts_nocase(name, S("x-amz-"));
}

static void add_resource(const struct sign_storage *how, const struct storage_target *t,
                         int spelling, const struct pairs *pairs, struct buf *out)
{
    bool first = true;

    add_target(t, how->scheme != STORAGE_OSS, spelling == 1, out);
    for (size_t i = 0; i < pairs->n; i++) {
        const struct pair *p = &pairs->list[i];

        if (!is_part(how, str_of(p->name)))
            continue;
        if (first)
            buf_addc(out, '?');
        add_pair(p, false, how->scheme == STORAGE_OSS ? !p->value[0] : p->bare, first, out);
        first = false;
    }
}

static int expect_two(const struct sign_request *r, const struct sign_storage *how,
                      const struct storage_target *t, int spelling, struct str secret_key,
                      char *out, struct err *e)
{
    static const struct str prefixes[] = {
            [STORAGE_OSS] = S("x-oss-"), [STORAGE_OBS] = S("x-obs-"), [STORAGE_AWS2] = S("x-amz-")};
    cleanup_with(buf_done) struct buf text;
    cleanup_with(buf_done) struct buf base64;
    uint8_t mac[HMAC_MOST];
    struct pairs pairs;
    int res = read_pairs(r->query, &pairs);

    buf_init(&text, CANON_MAX);
    buf_init(&base64, STORAGE_SIGNATURE - 1);
    if (res < 0)
        return err_set(e, ERR_LIMIT, res, "the query has more than %d parts", CANON_PAIRS);
    buf_adds(&text, r->method);
    buf_addc(&text, '\n');
    buf_adds(&text, canon_header(r, S("content-md5")));
    buf_addc(&text, '\n');
    buf_adds(&text, canon_header(r, S("content-type")));
    buf_addc(&text, '\n');
    buf_adds(&text, how->date);
    buf_addc(&text, '\n');
    add_headers(r, prefixes[how->scheme], false, STR_NONE, &text);
    add_resource(how, t, spelling, &pairs, &text);
    pairs_done(&pairs);
    if (!buf_ok(&text))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the request is too large to be signed");
    base64_encode(bytes(mac, hmac_named(S("sha1"), secret_key, buf_str(&text), mac)), &base64);
    memcpy(out, base64.p, base64.n + 1);
    return 0;
}

int sign_storage_expect(const struct sign_request *r, const struct sign_storage *how,
                        const struct storage_target *t, int spelling, struct str secret_key,
                        char out[STORAGE_SIGNATURE], struct err *e)
{
    switch (how->scheme) {
    case STORAGE_AWS4:
    case STORAGE_OSS4:
        return expect_four(r, how, t, secret_key, out, e);
    case STORAGE_COS:
        return expect_cos(r, how, spelling, secret_key, out, e);
    case STORAGE_OSS:
    case STORAGE_OBS:
    case STORAGE_AWS2:
        return expect_two(r, how, t, spelling, secret_key, out, e);
    }
    return -EINVAL;
}
