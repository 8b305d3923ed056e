/* SPDX-License-Identifier: Apache-2.0 */
/* object.c - PutObject, GetObject, HeadObject, DeleteObject. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/obj.h"
#include "http/server.h"
#include "sign/role.h"
#include "storage/internal.h"
#include "storage/take.h"

enum { PUT_MAGIC = 0x53505554 };

/* ---- what is kept with an object and given back ---- */

static const char *const kept[] = {"cache-control", "content-disposition", "content-encoding",
                                   "content-language", "expires"};

static bool starts_nocase(struct str s, struct str start)
{
    return s.n > start.n && str_ieq((struct str){s.p, start.n}, start);
}

static void add_line(struct buf *out, bool own, struct str name, struct str value)
{
    if (own)
        buf_addc(out, '*');
    for (size_t i = 0; i < name.n; i++)
        buf_addc(out, str_lower(name.p[i]));
    buf_addz(out, ": ");
    buf_adds(out, value);
    buf_addc(out, '\n');
}

/* "aws-chunked" is how it came, not what it is. */
static struct str encoding_of(struct str value)
{
    if (str_ieq(value, S("aws-chunked")))
        return S("");
    if (starts_nocase(value, S("aws-chunked,")))
        return str_trim(str_from(value, strlen("aws-chunked,")));
    return value;
}

int storage_read_headers(const struct call *c, struct buf *out)
{
    char meta[32];
    int n = snprintf(meta, sizeof(meta), "%smeta-", flavour_prefixes[ask_of(c)->flavour]);

    for (uint32_t i = 0; i < c->req->nheaders; i++) {
        struct str name = c->req->headers[i].name, value = c->req->headers[i].value;

        if (!str_utf8(value))
            return -EILSEQ;
        if (starts_nocase(name, str_of(meta)))
            add_line(out, true, str_from(name, (size_t)n), value);
        for (size_t k = 0; k < ARRAY_LEN(kept); k++)
            if (str_ieq(name, str_of(kept[k])) && encoding_of(value).n > 0)
                add_line(out, false, name, encoding_of(value));
    }
    return buf_ok(out) ? 0 : -E2BIG;
}

void storage_add_headers(struct call *c, const struct object *ob)
{
    struct str rest = str_of(ob->headers);
    char name[512], time[CLOCK_TEXT];

    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n'), key = str_cut(&line, ':');
        bool own = str_starts(key, S("*"));

        key = str_from(key, own ? 1 : 0);
        if ((size_t)snprintf(name, sizeof(name), "%s%s%.*s",
                             own ? flavour_prefixes[ask_of(c)->flavour] : "", own ? "meta-" : "",
                             STR_ARG(key)) < sizeof(name))
            call_header(c, name, str_trim(line));
    }
    call_headerf(c, "ETag", "\"%s\"", ob->etag);
    call_header(c, "Last-Modified", str_of(clock_http(ob->modified_ms, time)));
    call_header(c, "Accept-Ranges", S("bytes"));
    /* By path it shares an origin with our APIs: what somebody put there is no page of ours. */
    call_header(c, "Content-Security-Policy", S("sandbox"));
    call_header(c, "X-Content-Type-Options", S("nosniff"));
}

/* ---- put ---- */

struct put {
    uint32_t magic;
    struct object ob;
    struct call *call;
    char bucket[OBJECT_BUCKET_MAX + 1], key[OBJECT_KEY + 1];
};

static void put_free(struct put *p)
{
    object_done(&p->ob);
    p->magic = 0;
    free(p);
}

static void drop_put(void *user)
{
    put_free(OBJ(user, struct put, PUT_MAGIC));
}

static void on_put(void *user, int r)
{
    struct put *p = OBJ(user, struct put, PUT_MAGIC);

    if (r < 0) {
        storage_fail(p->call, r);
    } else {
        call_headerf(p->call, "ETag", "\"%s\"", p->ob.etag);
        call_reply(p->call, 200, STR_NONE, STR_NONE);
    }
    put_free(p);
}

static void on_taken(struct call *c, void *user, const struct object_part *part, const char *etag)
{
    struct put *p = OBJ(user, struct put, PUT_MAGIC);

    if (!objects_bucket(c->api->objects, str_of(p->bucket))) {
        call_fail(c, 404, "NoSuchBucket", "The specified bucket does not exist.");
        put_free(p);
        return;
    }
    p->ob.parts = xnew(struct object_part);
    p->ob.parts[0] = *part;
    p->ob.nparts = 1;
    p->ob.size = part->size;
    p->ob.modified_ms = clock_wall_ms();
    (void)snprintf(p->ob.etag, sizeof(p->ob.etag), "%s", etag);
    objects_put(c->api->objects, str_of(p->bucket), str_of(p->key), &p->ob, on_put, p);
}

bool storage_token_allows(struct call *c)
{
    const struct ask *a = ask_of(c);
    char subject[ROLE_FUNCTION];
    int n;

    if (!c->by.role)
        return true;
    n = snprintf(subject, sizeof(subject), "object-put %.*s/%.*s", STR_ARG(a->bucket),
                 STR_ARG(a->key));
    if (n > 0 && (size_t)n < sizeof(subject) && strcmp(subject, c->by.role) == 0)
        return true;
    call_fail(c, 403, "AccessDenied", "the token is not for this object");
    return false;
}

static struct put *put_new(struct call *c)
{
    const struct ask *a = ask_of(c);
    struct put *p = xnew(struct put);
    cleanup_with(buf_done) struct buf headers;
    struct str type = http_header(c->req, S("content-type"));
    int r;

    p->magic = PUT_MAGIC;
    p->call = c;
    memcpy(p->bucket, a->bucket.p, a->bucket.n);
    memcpy(p->key, a->key.p, a->key.n);
    buf_init(&headers, OBJECT_HEADERS);
    r = storage_read_headers(c, &headers);
    p->ob.type = str_dup(type.n > 0 && type.n < 256 && str_utf8(type) ? type : S(""));
    p->ob.headers = str_dup(buf_str(&headers));
    if (r == 0)
        return p;
    put_free(p);
    if (r == -E2BIG)
        call_fail(c, 400, "MetadataTooLarge",
                  "Your metadata headers exceed the maximum allowed metadata size.");
    else
        call_fail(c, 400, "InvalidArgument", "the value of a header is not UTF-8");
    return NULL;
}

void storage_put_object(struct call *c)
{
    struct put *p;

    if (!storage_bucket(c))
        return;
    p = put_new(c);
    if (p)
        storage_take(c, on_taken, drop_put, p);
}

/* ---- get, head ---- */

/* RFC 9110 section 14.1.2, one range. 0: from and to are set; -ERANGE: nothing of it; -EINVAL: to be
 * passed over. */
static int read_range(struct str text, uint64_t size, uint64_t *from, uint64_t *to)
{
    struct str rest = text, first;
    uint64_t a, b;

    if (!str_starts(text, S("bytes=")))
        return -EINVAL;
    rest = str_from(text, 6);
    first = str_cut(&rest, '-');
    if (!rest.p)
        return -EINVAL;
    if (first.n == 0) { /* the last so many */
        if (str_u64(rest, 0, INT64_MAX, &b) < 0)
            return -EINVAL;
        *from = b < size ? size - b : 0;
        *to = size;
        return b == 0 || size == 0 ? -ERANGE : 0;
    }
    if (str_u64(first, 0, INT64_MAX, &a) < 0)
        return -EINVAL;
    b = size > 0 ? size - 1 : 0;
    if (rest.n > 0 && (str_u64(rest, 0, INT64_MAX, &b) < 0 || b < a))
        return -EINVAL;
    if (a >= size)
        return -ERANGE;
    *from = a;
    *to = b < size ? b + 1 : size;
    return 0;
}

static bool names_etag(struct str list, const char *etag)
{
    while (list.p) {
        struct str one = str_trim(str_cut(&list, ','));

        if (str_starts(one, S("W/")))
            one = str_from(one, 2);
        if (one.n >= 2 && one.p[0] == '"' && one.p[one.n - 1] == '"')
            one = (struct str){one.p + 1, one.n - 2};
        if (str_eq(one, S("*")) || str_eq(one, str_of(etag)))
            return true;
    }
    return false;
}

/* What the client asked to be true. False: it has replied. */
static bool conditions_hold(struct call *c, const struct object *ob)
{
    struct str match = http_header(c->req, S("if-match"));
    struct str none = http_header(c->req, S("if-none-match"));
    struct str since = http_header(c->req, S("if-modified-since"));
    struct str unchanged = http_header(c->req, S("if-unmodified-since"));
    int64_t at_ms;

    if ((match.p && !names_etag(match, ob->etag)) ||
        (!match.p && unchanged.p && clock_parse_http(unchanged, &at_ms) == 0 &&
         ob->modified_ms / 1000 > at_ms / 1000)) {
        call_fail(c, 412, "PreconditionFailed",
                  "At least one of the preconditions you specified did not hold.");
        return false;
    }
    if ((none.p && names_etag(none, ob->etag)) ||
        (!none.p && since.p && clock_parse_http(since, &at_ms) == 0 &&
         ob->modified_ms / 1000 <= at_ms / 1000)) {
        storage_add_headers(c, ob);
        call_reply(c, 304, STR_NONE, STR_NONE);
        return false;
    }
    return true;
}

static void on_found(void *user, int r, const struct object *ob)
{
    struct call *c = user;
    uint64_t from = 0, to;
    int range;

    if (r < 0) {
        storage_fail(c, r);
        return;
    }
    if (!c->req) {
        call_reply(c, 200, STR_NONE, STR_NONE);
        return;
    }
    if (!conditions_hold(c, ob))
        return;
    to = ob->size;
    range = read_range(http_header(c->req, S("range")), ob->size, &from, &to);
    if (range == -ERANGE) {
        call_headerf(c, "Content-Range", "bytes */%llu", (unsigned long long)ob->size);
        call_fail(c, 416, "InvalidRange", "The requested range is not satisfiable");
        return;
    }
    storage_add_headers(c, ob);
    if (range == 0)
        call_headerf(c, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)from,
                     (unsigned long long)to - 1, (unsigned long long)ob->size);
    storage_send(c, range == 0 ? 206 : 200, ob, from, to);
}

void storage_get_object(struct call *c)
{
    const struct ask *a = ask_of(c);

    if (storage_bucket(c))
        objects_find(c->api->objects, a->bucket, a->key, on_found, c);
}

/* ---- delete ---- */

static void on_deleted(void *user, int r)
{
    struct call *c = user;

    if (r < 0 && r != -ENOENT)
        storage_fail(c, r);
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

void storage_delete_object(struct call *c)
{
    const struct ask *a = ask_of(c);

    if (storage_bucket(c))
        objects_delete(c->api->objects, a->bucket, a->key, on_deleted, c);
}
