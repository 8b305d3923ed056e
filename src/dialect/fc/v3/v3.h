/* SPDX-License-Identifier: Apache-2.0 */
/* v3.h - what the files of this folder share: Function Compute 3.0 (API version 2023-03-30). */
#ifndef EVOKE_DIALECT_FC_V3_V3_H
#define EVOKE_DIALECT_FC_V3_V3_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "base/str.h"
#include "catalog/resources.h"
#include "fn/key.h"

struct api_op;
struct api_realm;
struct api_too_large;
struct cJSON;
struct call;
struct err;
struct fn;
struct http_request;
struct jw;
struct resource;

enum {
    FC3_NAME_MAX = 64,
    FC3_OBJECT_MAX = 256 << 10,
};

/* auth.c */
bool fc3_admit(struct call *c);
void fc3_refuse(struct call *c, enum auth_failure why, const struct err *e);
void fc3_realm(struct call *c, struct api_realm *ret);
struct str fc3_account(const struct call *c); /* whose things the request is about */

/* error.c */
const char *fc3_error_body(struct http_request *r, const char *request_id, int status,
                           const char *code, const char *message, struct buf *out);
void fc3_error_headers(struct call *c);
void fc3_error_too_large(const struct api_op *op, struct api_too_large *x);
/* What a write of the catalog said; what: "function", "trigger", ... */
void fc3_error_write(struct call *c, int r, const char *what, const char *name);
void fc3_fail_invalid(struct call *c, const struct err *e); /* 400 InvalidArgument */

/* names.c */
/* "fn" is function fn of the service "default", "svc$fn" is fn of svc. False: it has replied. */
bool fc3_key(struct call *c, struct str name, struct fn_key *ret);
/* As a request names it; out: at least FC_NAME_MAX * 2 + 2. */
const char *fc3_name(const struct fn *f, char *out, size_t n);
enum { FC3_NAME_TEXT = 260 };
/* "acs:fc:<region>:<account>:functions/<name>[/<qualifier>]" */
void fc3_arn(const struct fn *f, struct str qualifier, struct buf *out);
/* The function itself, in captures[0], if the signer may have to do with it; NULL: it has replied. */
const struct fn *fc3_latest(struct call *c, struct fn_key *ret);
/* Likewise its version or alias: the query's `qualifier`, LATEST without. An alias with shares picks. */
const struct fn *fc3_qualified(struct call *c, struct fn_key *ret, struct str *ret_qualifier);
/* Is there such a version or alias? False: it has replied. */
bool fc3_check_qualifier(struct call *c, const struct fn_key *key, struct str qualifier);

/* ops.c: is it a request of this version? For what both versions share. */
bool fc3_speaks(const struct call *c);

/* routes.c: routes of a custom domain. In: functionName into serviceName and functionName; what there is
 * none of here is refused: false, it has replied. Out: back. */
bool fc3_routes_in(struct call *c, struct cJSON *body);
void fc3_routes_out(struct cJSON *body);

/* records.c: settings of a version */
/* The record of the query's `qualifier`; of an alias: of the version it points to. NULL: it has replied. */
const struct fn *fc3_record(struct call *c, struct fn_key *ret);
/* Of the function, or of a version; draft is taken; user of `done` is c. */
void fc3_update_record(struct call *c, struct fn *draft, catalog_fn *done);
/* Every record of the account, or of the query's functionName, in the order of `place`. */
typedef bool fc3_record_fn(void *user, const struct fn *f, struct str place);
void fc3_each_record(struct call *c, fc3_record_fn *fn, void *user);

/* object.c */
void fc3_put_arn(struct jw *w, const struct fn *f); /* "functionArn", of its version */
void fc3_object_function(const struct fn *f, struct buf *out);
void fc3_put_function(struct jw *w, const struct fn *f);
/* 200 with Etag of the record. */
void fc3_reply_function(struct call *c, const struct fn *f);

/* parse.c */
int fc3_parse_function(const struct cJSON *body, struct fn *draft, bool is_new, struct buf *zip,
                       struct err *e);

/* tag.c: of a list of {Key, Value}; one of this key is replaced. Null values are "". */
void fc3_tags_set(struct cJSON *tags, const struct cJSON *key, const struct cJSON *value);
/* Change what is only kept: NULL removes the member; value is taken. */
void fc3_extra_set(struct fn *draft, const char *member, struct cJSON *value);

/* note.c: small objects beside a function, one of a kind for each qualifier (or name). */
const struct resource *fc3_note(const struct call *c, const char *kind, const struct fn_key *key,
                                struct str name);
/* body: JSON object text. */
void fc3_note_put(struct call *c, const char *kind, const struct fn_key *key, struct str name,
                  struct str body, catalog_resource_fn *done, void *user);
void fc3_note_delete(struct call *c, const char *kind, const struct fn_key *key, struct str name,
                     catalog_resource_fn *done, void *user);

#endif
