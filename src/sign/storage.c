/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage.c - which of the signatures of object storage does a request carry, and since when and until
 * when is it good? Sources: docs/objects.md. The arithmetic is in storage_mac.c.
 */
#include "sign/storage.h"

#include <errno.h>

#include "base/clock.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/obj.h"
#include "base/uri.h"
#include "sign/canon.h"

/* ---- where it may stand ---- */

static const struct {
    struct str start;
    enum storage_scheme scheme;
} headers[] = {
        {S("AWS4-HMAC-SHA256 "), STORAGE_AWS4},
        {S("OSS4-HMAC-SHA256 "), STORAGE_OSS4},
        {S("q-sign-algorithm="), STORAGE_COS},
        {S("OSS "), STORAGE_OSS},
        {S("OBS "), STORAGE_OBS},
        {S("AWS "), STORAGE_AWS2},
};

/* The parameter that makes a URL a signed one of this kind. */
static const struct {
    struct str name;
    enum storage_scheme scheme;
} marks[] = {
        {S("X-Amz-Signature"), STORAGE_AWS4}, {S("x-oss-signature"), STORAGE_OSS4},
        {S("q-signature"), STORAGE_COS},      {S("sign"), STORAGE_COS},
        {S("OSSAccessKeyId"), STORAGE_OSS},   {S("AccessKeyId"), STORAGE_OBS},
        {S("AWSAccessKeyId"), STORAGE_AWS2},
};

static struct str raw_param(struct str query, struct str wanted)
{
    struct str rest = query, name, value;

    while (uri_query_next(&rest, &name, &value))
        if (str_eq(name, wanted))
            return value.p ? value : S("");
    return STR_NONE;
}

static bool find(const struct sign_request *r, enum storage_scheme *ret, bool *in_query)
{
    struct str authorization = canon_header(r, S("authorization"));

    for (size_t i = 0; authorization.p && i < ARRAY_LEN(headers); i++) {
        if (!str_starts(authorization, headers[i].start))
            continue;
        *ret = headers[i].scheme;
        *in_query = false;
        return true;
    }
    for (size_t i = 0; !authorization.p && i < ARRAY_LEN(marks); i++) {
        struct str value = raw_param(r->query, marks[i].name);

        if (!value.p ||
            (str_eq(marks[i].name, S("sign")) && !str_starts(value, S("q-sign-algorithm"))))
            continue;
        *ret = marks[i].scheme;
        *in_query = true;
        return true;
    }
    return false;
}

bool sign_storage_is(const struct sign_request *r)
{
    enum storage_scheme scheme;
    bool in_query;

    return find(r, &scheme, &in_query);
}

/* ---- one parameter of the query, decoded ---- */

static struct str param(const struct sign_request *r, struct str name, struct buf *room)
{
    struct str raw = raw_param(r->query, name);
    size_t before = room->n;

    if (!raw.p)
        return STR_NONE;
    if (uri_decode(raw, true, room) < 0)
        return raw;
    return str_from(buf_str(room), before);
}

static int malformed(struct err *e, const char *what)
{
    return err_set(e, ERR_CALLER, -EINVAL, "the signature is malformed: %s", what);
}

static int missing(struct err *e, const char *what)
{
    return err_set(e, ERR_CALLER, -ENOENT, "%s is missing", what);
}

/* ---- AWS4, OSS4 ---- */

struct four {
    struct str service, end, date_header, token_header;
    struct str credential, date, expires, names, signature, token; /* parameters */
};

static const struct four aws4 = {
        .service = S("s3"),
        .end = S("aws4_request"),
        .date_header = S("x-amz-date"),
        .token_header = S("x-amz-security-token"),
        .credential = S("X-Amz-Credential"),
        .date = S("X-Amz-Date"),
        .expires = S("X-Amz-Expires"),
        .names = S("X-Amz-SignedHeaders"),
        .signature = S("X-Amz-Signature"),
        .token = S("X-Amz-Security-Token"),
};

static const struct four oss4 = {
        .service = S("oss"),
        .end = S("aliyun_v4_request"),
        .date_header = S("x-oss-date"),
        .token_header = S("x-oss-security-token"),
        .credential = S("x-oss-credential"),
        .date = S("x-oss-date"),
        .expires = S("x-oss-expires"),
        .names = S("x-oss-additional-headers"),
        .signature = S("x-oss-signature"),
        .token = S("x-oss-security-token"),
};

static struct str field(struct str list, struct str name)
{
    while (list.p) {
        struct str one = str_trim(str_cut(&list, ','));

        if (str_starts(one, name))
            return str_from(one, name.n);
    }
    return STR_NONE;
}

static int read_credential(struct str credential, const struct four *f, struct sign_storage *ret,
                           struct err *e)
{
    struct str rest = credential, day, region, service;

    ret->access_key = str_cut(&rest, '/');
    ret->scope = rest;
    day = str_cut(&rest, '/');
    region = str_cut(&rest, '/');
    service = str_cut(&rest, '/');
    if (ret->access_key.n == 0 || day.n != 8 || !str_starts(ret->date, day) || region.n == 0 ||
        !str_eq(service, f->service) || !str_eq(rest, f->end))
        return malformed(e, "Credential is not id/day/region/service/..._request of its date");
    return 0;
}

/* Date, where the scheme's own is not sent, as it is signed then: in the compact form. */
static struct str usual_date(const struct sign_request *r, struct buf *room)
{
    struct str date = canon_header(r, S("date"));
    size_t before = room->n;
    char iso[CLOCK_TEXT];
    int64_t ms;

    if (!date.p || clock_parse_http(date, &ms) < 0)
        return date;
    (void)clock_iso(ms, iso); /* 2026-11-22T20:47:58Z */
    for (const char *p = iso; *p; p++)
        if (*p != '-' && *p != ':')
            buf_addc(room, *p);
    return str_from(buf_str(room), before);
}

static bool signs_host(struct str names)
{
    while (names.n > 0)
        if (str_eq(str_cut(&names, ';'), S("host")))
            return true;
    return false;
}

static int parse_four(const struct sign_request *r, const struct four *f, struct buf *room,
                      struct sign_storage *ret, struct err *e)
{
    struct str list = canon_header(r, S("authorization")), credential;
    uint64_t seconds = 0;

    if (!ret->in_query)
        (void)str_cut(&list, ' ');
    credential = ret->in_query ? param(r, f->credential, room) : field(list, S("Credential="));
    ret->date = ret->in_query ? param(r, f->date, room) : canon_header(r, f->date_header);
    ret->token = ret->in_query ? param(r, f->token, room) : canon_header(r, f->token_header);
    ret->signature = ret->in_query ? param(r, f->signature, room) : field(list, S("Signature="));
    ret->names = ret->in_query
                         ? param(r, f->names, room)
                         : field(list, f == &aws4 ? S("SignedHeaders=") : S("AdditionalHeaders="));
    if (!ret->date.p && !ret->in_query)
        ret->date = usual_date(r, room);
    if (!ret->date.p)
        return missing(e, ret->in_query ? f->date.p : f->date_header.p);
    if (clock_parse_compact(ret->date, &ret->from_ms) < 0)
        return malformed(e, "its date is not of the form 20261122T204758Z");
    ret->until_ms = ret->from_ms;
    if (ret->in_query) {
        if (str_u64(param(r, f->expires, room), 1, STORAGE_URL_S, &seconds) < 0)
            return malformed(e, "a signed URL is good for 1 to 604800 seconds");
        ret->until_ms += (int64_t)seconds * 1000;
    }
    if (!is_hex(ret->signature, 64))
        return malformed(e, "Signature is not 64 lower-case hex digits");
    /* The host may be what names the bucket: unsigned, a signature for one would open another. */
    if (f == &aws4 && !signs_host(ret->names))
        return malformed(e, "SignedHeaders does not have host in it");
    return read_credential(credential, f, ret, e);
}

/* ---- COS ---- */

static struct str cos_part(const struct sign_request *r, struct str name, struct str list,
                           struct buf *room)
{
    return list.p ? raw_param(list, name) : param(r, name, room);
}

static int read_window(struct str window, int64_t *from_ms, int64_t *until_ms)
{
    struct str rest = window, from = str_cut(&rest, ';');
    uint64_t a, b;

    if (str_u64(from, 0, INT64_MAX / 1000, &a) < 0 || str_u64(rest, a, INT64_MAX / 1000, &b) < 0)
        return -EINVAL;
    *from_ms = (int64_t)a * 1000;
    *until_ms = (int64_t)b * 1000;
    return 0;
}

static int parse_cos(const struct sign_request *r, struct buf *room, struct sign_storage *ret,
                     struct err *e)
{
    struct str list =
            ret->in_query ? param(r, S("sign"), room) : canon_header(r, S("authorization"));
    struct str key_time = cos_part(r, S("q-key-time"), list, room);

    if (!str_eq(cos_part(r, S("q-sign-algorithm"), list, room), S("sha1")))
        return malformed(e, "q-sign-algorithm is not sha1");
    ret->access_key = cos_part(r, S("q-ak"), list, room);
    ret->signature = cos_part(r, S("q-signature"), list, room);
    ret->names = cos_part(r, S("q-header-list"), list, room);
    ret->params = cos_part(r, S("q-url-param-list"), list, room);
    ret->date = cos_part(r, S("q-sign-time"), list, room);
    ret->token = canon_header(r, S("x-cos-security-token"));
    if (!ret->token.p)
        ret->token = param(r, S("x-cos-security-token"), room);
    if (!ret->names.p || !ret->params.p || ret->access_key.n == 0)
        return malformed(e, "q-ak, q-header-list and q-url-param-list are needed");
    if (!is_hex(ret->signature, 40))
        return malformed(e, "q-signature is not 40 lower-case hex digits");
    if (!str_eq(key_time, ret->date) || read_window(ret->date, &ret->from_ms, &ret->until_ms) < 0)
        return malformed(e, "q-sign-time and q-key-time are not one 'from;until'");
    return 0;
}

/* ---- OSS, OBS and S3 of version 2 ---- */

static const struct two {
    struct str id, date_header, token_header, token;
} twos[] = {
        [STORAGE_OSS] = {S("OSSAccessKeyId"), S("x-oss-date"), S("x-oss-security-token"),
                         S("security-token")},
        [STORAGE_OBS] = {S("AccessKeyId"), S("x-obs-date"), S("x-obs-security-token"),
                         S("x-obs-security-token")},
        [STORAGE_AWS2] = {S("AWSAccessKeyId"), S("x-amz-date"), S("x-amz-security-token"),
                          S("x-amz-security-token")},
};

static int parse_two_query(const struct sign_request *r, const struct two *t, struct buf *room,
                           struct sign_storage *ret, struct err *e)
{
    uint64_t until;

    ret->access_key = param(r, t->id, room);
    ret->signature = param(r, S("Signature"), room);
    ret->token = param(r, t->token, room);
    ret->date = param(r, S("Expires"), room);
    if (str_u64(ret->date, 0, INT64_MAX / 1000, &until) < 0)
        return malformed(e, "Expires is no Unix time in seconds");
    ret->from_ms = INT64_MIN;
    ret->until_ms = (int64_t)until * 1000;
    return 0;
}

static int parse_two_header(const struct sign_request *r, const struct two *t,
                            struct sign_storage *ret, struct err *e)
{
    struct str rest = canon_header(r, S("authorization")), date = canon_header(r, t->date_header);
    bool own = date.p != NULL;

    (void)str_cut(&rest, ' ');
    rest = str_trim(rest);
    ret->access_key = str_cut(&rest, ':');
    ret->signature = rest;
    ret->token = canon_header(r, t->token_header);
    if (!own)
        date = canon_header(r, S("date"));
    if (!date.n)
        return missing(e, "Date");
    if (clock_parse_http(date, &ret->from_ms) < 0 && clock_parse_compact(date, &ret->from_ms) < 0)
        return malformed(e, "Date is not of the form 'Sun, 22 Nov 2026 20:50:18 GMT'");
    ret->until_ms = ret->from_ms;
    /* OSS signs its own date where the usual one stands, the others leave that place empty. */
    ret->date = own && ret->scheme != STORAGE_OSS ? S("") : date;
    return 0;
}

static int parse_two(const struct sign_request *r, struct buf *room, struct sign_storage *ret,
                     struct err *e)
{
    const struct two *t = &twos[ret->scheme];
    int res = ret->in_query ? parse_two_query(r, t, room, ret, e) : parse_two_header(r, t, ret, e);

    if (res < 0)
        return res;
    if (ret->access_key.n == 0 || ret->signature.n != 28)
        return malformed(e, "it is not 'id:signature' with base64 of 20 bytes");
    return 0;
}

int sign_storage_parse(const struct sign_request *r, struct buf *room, struct sign_storage *ret,
                       struct err *e)
{
    struct sign_storage found = {0};
    int res = -EINVAL;

    if (!find(r, &found.scheme, &found.in_query))
        return missing(e, "Authorization");
    /* All that is ever decoded, so that no view is left behind by a buffer that moves. */
    if (!buf_room(room, r->query.n * 2 + CLOCK_TEXT))
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the query is too long to be signed");
    switch (found.scheme) {
    case STORAGE_AWS4:
        res = parse_four(r, &aws4, room, &found, e);
        break;
    case STORAGE_OSS4:
        res = parse_four(r, &oss4, room, &found, e);
        break;
    case STORAGE_COS:
        res = parse_cos(r, room, &found, e);
        break;
    case STORAGE_OSS:
    case STORAGE_OBS:
    case STORAGE_AWS2:
        res = parse_two(r, room, &found, e);
        break;
    }
    if (res == 0)
        *ret = found;
    return res;
}
