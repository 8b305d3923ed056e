/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of this room share; for no other room. */
#ifndef EVOKE_STORAGE_INTERNAL_H
#define EVOKE_STORAGE_INTERNAL_H

#include "api/api.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "object/objects.h"

enum flavour { FLAVOUR_S3, FLAVOUR_OSS, FLAVOUR_COS, FLAVOUR_OBS, FLAVOURS };
extern const char *const flavour_prefixes[FLAVOURS]; /* "x-amz-", ... */

/* What a request is, found at its head; in the request's arena, as c->state. */
struct ask {
    enum flavour flavour;
    struct str bucket, key; /* decoded; "" */
    struct auth_storage auth;
};
static inline struct ask *ask_of(const struct call *c)
{
    return c->state;
}

/* route.c */
bool storage_claims(const struct http_request *r);
const struct api_op *storage_route(struct call *c);
extern const struct api_op storage_ops[];
extern const uint32_t storage_nops;

/* The bucket, if the signer may; else it has replied NoSuchBucket or AccessDenied. */
const struct bucket *storage_bucket(struct call *c);
/* A token for one upload (code_token.h) opens this object, and nothing else does for a role. False: it has
 * replied. */
bool storage_token_allows(struct call *c);
/* A failure of objects.h in S3's words. */
void storage_fail(struct call *c, int r);
const char *storage_time(int64_t ms, char out[CLOCK_TEXT]); /* 2026-11-22T20:47:58.000Z */
void storage_reply_xml(struct call *c, struct buf *xml);    /* taken; 200 */

/* xml.c */
void xml_begin(struct buf *out, const char *root);
void xml_add(struct buf *out, const char *name, struct str text); /* <name>text</name>, escaped */
void xml_addz(struct buf *out, const char *name, const char *text);
void xml_addu(struct buf *out, const char *name, uint64_t n);

/* A strict reader for what clients send: elements and text, no DTD, no entities but the five and
 * numbers, no more than XML_DEPTH deep. Attributes are passed over. */
enum { XML_DEPTH = 8, XML_NAME = 64 };
enum xml_event { XML_OPEN, XML_CLOSE, XML_END };
struct xml {
    struct str rest;
    struct str names[XML_DEPTH]; /* of those that are open, outermost first */
    uint32_t depth;
    bool closing, popping, began; /* an empty element; the top one goes; the first one was there */
    struct buf *
            text; /* borrowed: what stood in the innermost one since it was opened or another closed */
};
void xml_init(struct xml *x, struct str body, struct buf *text);
/* The next event; the name is names[depth - 1] for both. -EINVAL: not well formed, or forbidden. */
int xml_next(struct xml *x);

/* send.c: the bytes of an object as the answer; c ends. from <= to <= its size. Headers are added already. */
void storage_send(struct call *c, int status, const struct object *ob, uint64_t from, uint64_t to);

/* Handlers. */
void storage_list_buckets(struct call *c);
void storage_create_bucket(struct call *c);
void storage_head_bucket(struct call *c);
void storage_delete_bucket(struct call *c);
void storage_bucket_location(struct call *c);
void storage_bucket_info(struct call *c);
void storage_list_objects(struct call *c);
void storage_list_objects_v2(struct call *c);
void storage_delete_objects(struct call *c);
void storage_put_object(struct call *c);
void storage_get_object(struct call *c);
void storage_delete_object(struct call *c);
void storage_begin_upload(struct call *c);
void storage_put_part(struct call *c);
void storage_complete_upload(struct call *c);
void storage_abort_upload(struct call *c);
void storage_list_parts(struct call *c);
void storage_list_uploads(struct call *c);
void storage_absent(struct call *c);

/* "*name: value\n" and its like of a request's headers; -E2BIG. */
int storage_read_headers(const struct call *c, struct buf *out);
void storage_add_headers(struct call *c, const struct object *ob);

#endif
