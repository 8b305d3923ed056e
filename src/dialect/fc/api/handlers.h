/* SPDX-License-Identifier: Apache-2.0 */
/* handlers.h - what the files of this folder share: the operations, and the steps all of them take.
 */
#ifndef EVOKE_DIALECT_FC_API_HANDLERS_H
#define EVOKE_DIALECT_FC_API_HANDLERS_H

#include <stdbool.h>

#include "auth/auth.h"
#include "base/str.h"
#include "catalog/catalog.h"
#include "fn/key.h"

struct api_op;
struct api_too_large;
struct buf;
struct cJSON;
struct api_realm;
struct call;
struct err;
struct fn;
struct http_request;
struct space;

/* auth.c */
bool fc_auth_admit(struct call *c);
void fc_auth_refuse(struct call *c, enum auth_failure why, const struct err *e);
void fc_auth_realm(struct call *c, struct api_realm *ret);
struct str fc_auth_account(const struct call *c); /* x-fc-account-id; checked by admit */

/* error.c */
const char *fc_error_body(struct http_request *r, const char *request_id, int status,
                          const char *code, const char *message, struct buf *out);
void fc_error_headers(struct call *c);
void fc_error_too_large(const struct api_op *op, struct api_too_large *x);
/* What a store or catalog write said, as the cloud says it. what: "service", "function". */
void fc_error_write(struct call *c, int r, const char *what, struct str name);

/* ops.c */
/* The body as a JSON object; NULL: it has replied. Free with json_free(). */
struct cJSON *fc_body(struct call *c);
/* If-Match against the current etag; false: it has replied. */
bool fc_if_match(struct call *c, const char *etag);
/* 200 with Etag; body is taken. */
void fc_reply_object(struct call *c, const char *etag, struct buf *body);
/* The key for a path's service segment; false: it has replied (no such service, version or alias). */
bool fc_service_key(struct call *c, struct str segment, struct fn_key *ret);
/* And the version that is meant, of an alias its first; "latest". Borrowed until the next turn. */
bool fc_service_version(struct call *c, struct str segment, struct fn_key *ret,
                        struct str *ret_version);
/* The function a path names, in the version it names, if the signer may have to do with it; NULL: it
 * has replied. */
const struct fn *fc_function(struct call *c, struct str segment, struct str name,
                             struct fn_key *ret);
/* Likewise for what only LATEST has: a qualifier is refused (400). */
const struct fn *fc_latest(struct call *c, struct str segment, struct str name, struct fn_key *ret);
/* What the path says, "LATEST" where it says nothing. */
struct str fc_qualifier(struct str segment);
void fc_fail_no_function(struct call *c, const struct fn_key *key);

/* An end for what may change in whatever version (fn/async.h, reserved, max_instances); draft taken. */
void fc_write_version(struct call *c, struct fn *draft, catalog_fn *fn, void *user);

/* operations */
void fc_service_create(struct call *c);
void fc_service_get(struct call *c);
void fc_service_update(struct call *c);
void fc_service_list(struct call *c);
void fc_service_delete(struct call *c);
void fc_function_create(struct call *c);
void fc_function_get(struct call *c);
void fc_function_update(struct call *c);
void fc_function_list(struct call *c);
void fc_function_delete(struct call *c);
void fc_invoke(struct call *c);
void fc_provision_put(struct call *c);
void fc_provision_get(struct call *c);
void fc_provision_list(struct call *c);
void fc_trigger_create(struct call *c);
void fc_trigger_list(struct call *c);
void fc_trigger_get(struct call *c);
void fc_trigger_update(struct call *c);
void fc_trigger_delete(struct call *c);
void fc_async_config_put(struct call *c);
void fc_async_config_get(struct call *c);
void fc_async_config_delete(struct call *c);
void fc_async_config_list(struct call *c);
void fc_async_functions(struct call *c);
void fc_ondemand_put(struct call *c);
void fc_ondemand_get(struct call *c);
void fc_ondemand_delete(struct call *c);
void fc_ondemand_list(struct call *c);
void fc_account_settings(struct call *c);
void fc_account_configs(struct call *c);
void fc_temp_bucket_token(struct call *c);
void fc_temp_code_bucket_token(struct call *c);
void fc_function_code(struct call *c);
void fc_reserved_capacities(struct call *c);
void fc_vpc_list(struct call *c);
void fc_instances(struct call *c);
void fc_absent(struct call *c); /* 400 PathNotSupported */
void fc_stateful_list(struct call *c);
void fc_stateful_get(struct call *c);
void fc_stateful_stop(struct call *c);
void fc_domain_create(struct call *c);
void fc_domain_list(struct call *c);
void fc_domain_get(struct call *c);
void fc_domain_update(struct call *c);
void fc_domain_delete(struct call *c);

/* trigger.c: the name of the function's HTTP trigger for that version or alias, or NULL; borrowed. */
const char *fc_http_trigger(struct call *c, const struct fn_key *key, struct str qualifier);

#endif
