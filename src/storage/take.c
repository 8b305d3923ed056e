/* SPDX-License-Identifier: Apache-2.0 */
/*
 * take.c - the body of a PUT: is it what its headers say, and onto the disk, on a worker thread.
 *
 * A large body lies in a file already and is read as a map of it (http/spool.h), so what comes here never
 * fills memory. One in pieces is put together in another nameless file first.
 */
#include "storage/take.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/obj.h"
#include "http/server.h"
#include "loop/loop.h"
#include "storage/chunked.h"
#include "storage/internal.h"

enum { TAKING_MAGIC = 0x5354414b };

enum form { PLAIN, HASHED, PIECES, SIGNED_PIECES };

struct taking {
    uint32_t magic;
    struct call *call;
    struct objects *objects;
    struct http_request *held;
    struct str body;
    enum form form;
    struct auth_storage auth;
    char sha[SHA256_HEX]; /* HASHED: what it is to be */
    uint8_t md5[MD5_LEN];
    bool has_md5, has_length;
    uint64_t length; /* of what the pieces hold */
    struct object_part part;
    char etag[MD5_HEX];
    int r;
    const char *code; /* of a refusal */
    struct err err;
    take_fn *fn;
    void (*drop)(void *user);
    void *user;
};

/* ---- what the headers say ---- */

static const char *read_form(const struct call *c, struct taking *t)
{
    struct str hash = http_header(c->req, S("x-amz-content-sha256"));

    if (t->auth.scheme != STORAGE_AWS4 || !hash.n || str_eq(hash, S("UNSIGNED-PAYLOAD")))
        return NULL;
    if (is_hex(hash, SHA256_HEX - 1)) {
        t->form = HASHED;
        memcpy(t->sha, hash.p, hash.n);
    } else if (str_eq(hash, S("STREAMING-UNSIGNED-PAYLOAD-TRAILER"))) {
        t->form = PIECES;
    } else if (str_eq(hash, S("STREAMING-AWS4-HMAC-SHA256-PAYLOAD")) ||
               str_eq(hash, S("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"))) {
        t->form = SIGNED_PIECES;
    } else {
        return "x-amz-content-sha256 is not a hash, and no form of a body that we know";
    }
    return NULL;
}

static const char *read_headers(const struct call *c, struct taking *t)
{
    struct str md5 = http_header(c->req, S("content-md5"));
    struct str length = http_header(c->req, S("x-amz-decoded-content-length"));
    struct buf plain;
    const char *why = read_form(c, t);

    if (why)
        return why;
    if (t->form >= PIECES && str_u64(length, 0, OBJECT_BYTES_MAX, &t->length) < 0)
        return "x-amz-decoded-content-length is not a number of bytes";
    if (!md5.n)
        return NULL;
    buf_init(&plain, MD5_LEN);
    t->has_md5 = base64_decode(md5, &plain) == 0 && plain.n == MD5_LEN;
    if (t->has_md5)
        memcpy(t->md5, plain.p, MD5_LEN);
    buf_done(&plain);
    return t->has_md5 ? NULL : "Content-MD5 is not base64 of 16 bytes";
}

/* ---- on a worker ---- */

static int next_piece(void *user, struct str *ret)
{
    return chunks_next(user, ret);
}

static void refuse(struct taking *t, const char *code, const char *text)
{
    t->code = code;
    t->r = err_set(&t->err, ERR_CALLER, -EINVAL, "%s", text);
}

static void check(struct taking *t, struct str bytes)
{
    uint8_t sum[DIGEST_MOST];
    char sha[SHA256_HEX];

    hex_encode(sum, digest_of(DIGEST_MD5, bytes, sum), t->etag);
    if (t->form >= PIECES && bytes.n != t->length)
        refuse(t, "IncompleteBody", "the body is not as long as x-amz-decoded-content-length");
    else if (t->has_md5 && memcmp(sum, t->md5, MD5_LEN) != 0)
        refuse(t, "BadDigest", "The Content-MD5 you specified did not match what we received.");
    if (t->r < 0 || t->form != HASHED)
        return;
    sha256_hex(bytes, sha);
    if (!str_eq(str_of(sha), str_of(t->sha)))
        refuse(t, "XAmzContentSHA256Mismatch",
               "The provided 'x-amz-content-sha256' header does not match what was computed.");
}

static void keep(struct taking *t, struct str bytes)
{
    check(t, bytes);
    if (t->r == 0)
        t->r = objects_keep(t->objects, bytes, &t->part, &t->err);
}

static void work(void *user)
{
    struct taking *t = OBJ(user, struct taking, TAKING_MAGIC);
    struct object_bytes whole = {0};
    struct chunks pieces;

    if (t->form < PIECES) {
        keep(t, t->body);
        return;
    }
    chunks_init(&pieces, t->body, t->form == SIGNED_PIECES ? &t->auth : NULL);
    t->r = objects_gather(t->objects, next_piece, &pieces, &whole);
    if (t->r == -EACCES)
        refuse(t, "SignatureDoesNotMatch", "the signature of a piece of the body does not match");
    else if (t->r == -EINVAL)
        refuse(t, "IncompleteBody", "the pieces of the body are malformed");
    else if (t->r < 0)
        (void)err_set(&t->err, ERR_HOST, t->r, "keep the body: %s", strerror(-t->r));
    else
        keep(t, whole.view);
    object_bytes_done(&whole);
}

/* ---- on the loop ---- */

static void done(void *user)
{
    struct taking *t = OBJ(user, struct taking, TAKING_MAGIC);
    struct objects *o = t->objects;

    http_release(t->held);
    if (t->r == 0) {
        t->fn(t->call, t->user, &t->part, t->etag);
    } else {
        if (t->drop)
            t->drop(t->user);
        if (t->code)
            call_fail(t->call, strcmp(t->code, "SignatureDoesNotMatch") == 0 ? 403 : 400, t->code,
                      "%s", t->err.msg);
        else
            storage_fail(t->call, t->r);
    }
    explicit_bzero(&t->auth, sizeof(t->auth));
    t->magic = 0;
    free(t);
    object_release(o);
}

void storage_take(struct call *c, take_fn *fn, void (*drop)(void *user), void *user)
{
    struct taking *t = xnew(struct taking);
    const char *why;

    t->magic = TAKING_MAGIC;
    t->call = c;
    t->objects = c->api->objects;
    t->auth = ask_of(c)->auth;
    t->body = c->req->body;
    t->fn = fn;
    t->drop = drop;
    t->user = user;
    why = read_headers(c, t);
    if (why || (t->form == SIGNED_PIECES && !t->auth.seeded)) {
        if (drop)
            drop(user);
        free(t);
        call_fail(c, 400, "InvalidRequest", "%s", why ? why : "the body is not signed in pieces");
        return;
    }
    t->held = c->req;
    http_hold(c->req);
    object_hold(t->objects);
    loop_work(c->api->loop, work, done, t);
}
