/* SPDX-License-Identifier: Apache-2.0 */
/* fg.h - what the files of the FunctionGraph API share; for no other room. */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_API_FG_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_API_FG_H

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/str.h"
#include "dialect/functiongraph/api/urn.h"
#include "fn/async.h"
#include "fn/fn.h"

struct cJSON;
struct jw;
struct queue;
struct resource;
struct trigger;

enum {
    FG_INLINE_MAX = 10 * 1024,       /* bytes of source text: FSS.1072 */
    FG_ZIP_MAX = 50 * 1024 * 1024,   /* bytes of a package: FSS.1071 */
    FG_CONFIG_BODY = 1024 * 1024,    /* a request without code */
    FG_OBS_MAX = 300 * 1024 * 1024,  /* and out of a bucket */
    FG_CODE_BODY = 68 * 1024 * 1024, /* FG_ZIP_MAX in base64, and the configuration */
    FG_EVENT_BODY = 7 * 1024 * 1024, /* the event, so that the handler can word its limit */
    FG_EXTRA_MAX = 64 * 1024,        /* fields we only keep, together */
    FG_EXTRA_TEXT = 128 * 1024,      /* the same as JSON, escapes included */
    FG_LIST_MAX = 400,
    FG_TAIL_HEADER = 2000, /* bytes of log in X-Cff-Function-Log */
    FG_TAIL_BASE64 = 4000,
};

/* A refusal in the cloud's own words. */
struct fg_error {
    int status;
    const char *code; /* "FSS.1002" */
    struct err e;
};

/* Fill x (status 400 unless said) and return -EINVAL. */
int fg_refuse(struct fg_error *x, int status, const char *code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
void fg_fail(struct call *c, const struct fg_error *x);
/* What the catalog answered (-EEXIST, -ENOENT, -ESTALE, the store's). */
void fg_fail_catalog(struct call *c, int r);
/* What a function was asked to lose is gone: 204, or why not. user: the call. */
void fg_on_deleted(void *user, int r, const struct fn *f);

/* auth.c */
bool fg_admit(struct call *c);
void fg_refuse_auth(struct call *c, enum auth_failure why, const struct err *e);
void fg_realm(struct call *c, struct api_realm *ret);
/* error.c */
const char *fg_error_body(struct http_request *r, const char *request_id, int status,
                          const char *code, const char *message, struct buf *out);
void fg_headers(struct call *c);
void fg_too_large(const struct api_op *op, struct api_too_large *x);

/* target.c: what the path names. Each replies and returns false / NULL when it cannot be. */
bool fg_project(struct call *c, struct str *ret_project);
bool fg_urn_of(struct call *c, struct fg_urn *ret);
struct fn_key fg_key(const struct fg_urn *u);
/* The function, or the version that is named; of an alias the version it points at. */
const struct fn *fg_target(struct call *c, struct fg_urn *ret_urn);
/* The same for a call: an alias with shares or rules chooses. */
const struct fn *fg_invoked(struct call *c, struct fg_urn *ret_urn);
struct str fg_qualifier(const struct fg_urn *u); /* "latest", a version, "!alias": for the core */
bool fg_is_latest(struct call *c, const struct fn *f); /* else it has replied: FSS.1015 */
/* A number of the query; absent: *ret as it is. */
bool fg_query_u64(struct call *c, struct str name, uint64_t *ret);
struct cJSON *fg_body(struct call *c); /* a JSON object; json_free() it */
/* For an update: the body, and a copy of what the path names, modified now. fn_unref() it, unless it is
 * given to the catalog. */
struct fn *fg_draft(struct call *c, struct cJSON **ret_body);

/*
 * parse.c: request bodies. The fields of a create or of a config update go into draft; those we
 * only keep go into draft->extra. -EINVAL with x.
 */
enum fg_form { FG_PART = 0 /* nothing must be there */, FG_CREATE = 1, FG_CONFIG = 2 };
int fg_parse_key(const struct cJSON *body, struct str project, struct str region,
                 struct fn_key *ret, struct fg_error *x);
int fg_parse_fields(const struct cJSON *body, enum fg_form form, struct fn *draft,
                    struct fg_error *x);
bool fg_memory_ok(double mb); /* one of the sizes the cloud sells */
/* One field of body, if it is there, into draft->extra. */
int fg_keep(const struct cJSON *body, const char *name, struct fn *draft, struct fg_error *x);
/* user_data.c: user_data as one JSON object text. */
int fg_parse_user_data(struct str text, struct fn *draft, struct fg_error *x);

/* What a request says about code; views are borrowed from the body. */
struct fg_code {
    bool inlined;        /* code_type: inline, else zip, jar or obs */
    bool jar;            /* jar: a zip by another name */
    struct str url;      /* obs: where it is; "": it is in file */
    struct str file;     /* base64; "" = none given */
    struct str filename; /* code_filename, or what stands for it */
};
int fg_parse_code(const struct cJSON *body, struct fg_code *ret, struct fg_error *x);

/* prepare.c: base64 to package bytes. Blocks; needs nothing but its arguments. */
struct fg_package {
    struct buf zip;
    uint64_t size; /* as sent */
    char digest[SHA512_HEX];
};
int fg_prepare(const struct fg_code *code, const struct fn *f, struct fg_package *ret,
               struct fg_error *x);
/* Name of the one file of an inline function: code_filename, else from handler and runtime. */
void fg_source_name(const struct fg_code *code, const struct fn *f, struct buf *out);

/* kept.c: small things beside a function, as resources whose parent is its path. */
enum { FG_PATH = 1024 };
void fg_path(const struct fg_urn *u, struct buf *out);
struct resource *fg_resource_new(struct str kind, struct str id,
                                 const struct fg_urn *u); /* draft */
/* Borrowed; NULL: unknown, or another function's. */
const struct resource *fg_resource_of(const struct call *c, struct str kind, struct str id,
                                      const struct fg_urn *u);

/* object.c */
enum fg_view { FG_VIEW_CREATE, FG_VIEW_CONFIG, FG_VIEW_LIST, FG_VIEW_VERSION };
/* The role that kept fields (xrole, app_xrole) name; STR_NONE: none. Borrowed from extra. */
struct str fg_kept_role(const struct cJSON *extra);
/* key: the function's URN. */
void fg_put_urn(struct jw *w, const char *key, const struct fn *f);
void fg_put_resource_id(struct jw *w, const struct fn *f); /* "resource_id" */
void fg_object(struct jw *w, const struct fn *f, enum fg_view view);
/* The fields a code answer shares with it; file is base64, may be empty. */
void fg_code_object(struct jw *w, const struct fn *f, struct str file, struct str link);

/* store.c: prepare on a worker, store the package, then create (update: replace) the record. */
void fg_store(struct call *c, struct cJSON *body, const struct fg_code *code, struct fn *draft,
              bool update, void (*reply)(struct call *c, const struct fn *f)); /* both taken */

/* invoke.c: what every event must be, however it is run. Each replies and returns false. */
bool fg_memory_header_ok(struct call *c);
bool fg_event_ok(struct call *c, uint64_t max);
bool fg_enabled(struct call *c, const struct fn *f);

/* async.c: the store of events, and what it answered. */
struct queue *fg_queue(struct call *c); /* NULL: it has replied */
void fg_fail_queue(struct call *c, int r, const struct err *e);

/* async_target.c: where the record of an ended event goes: {"destination":"FunctionGraph",
 * "param":"{...}"}, as it comes and as it is shown. */
int fg_parse_destination(struct call *c, const struct cJSON *json, const struct fg_urn *own,
                         struct fn_destination *ret, struct fg_error *x);
void fg_put_destination(struct jw *w, struct call *c, const struct fn_destination *d);

/* trigger_timer.c: event_data of a TIMER into a draft; over what it has, if it has something. */
int fg_parse_timer(const struct cJSON *data, bool update, struct trigger *draft,
                   struct fg_error *x);
void fg_put_timer(struct jw *w, const struct trigger *t);

/* Operations, one file per subject. */
void fg_create_function(struct call *c);
/* As that does, with a body of our own; taken. */
void fg_create(struct call *c, struct cJSON *body, struct str project);
void fg_list_functions(struct call *c);
void fg_show_config(struct call *c);
void fg_update_config(struct call *c);
void fg_delete_function(struct call *c);
void fg_show_code(struct call *c);
void fg_update_code(struct call *c);
/* version.c */
void fg_publish_version(struct call *c);
void fg_list_versions(struct call *c);
void fg_delete_version(struct call *c, const struct fg_urn *u); /* of DeleteFunction */
/* alias.c */
void fg_create_alias(struct call *c);
void fg_list_aliases(struct call *c);
void fg_show_alias(struct call *c);
void fg_update_alias(struct call *c);
void fg_delete_alias(struct call *c);
void fg_invoke(struct call *c);
void fg_invoke_async(struct call *c);
void fg_show_async_config(struct call *c);
void fg_update_async_config(struct call *c);
void fg_delete_async_config(struct call *c);
void fg_list_async_configs(struct call *c);
void fg_list_async(struct call *c);
void fg_list_active_async(struct call *c);
void fg_cancel_async(struct call *c);
void fg_enable_status_log(struct call *c);
void fg_show_status_log(struct call *c);
void fg_create_trigger(struct call *c);
void fg_list_triggers(struct call *c);
void fg_list_all_triggers(struct call *c);
void fg_list_trigger_types(struct call *c);
void fg_show_trigger(struct call *c);
void fg_update_trigger(struct call *c);
void fg_delete_trigger(struct call *c);
void fg_delete_triggers(struct call *c);
void fg_reserve(struct call *c);
void fg_list_reserved(struct call *c);
void fg_list_reserve_configs(struct call *c);
void fg_list_statistics(struct call *c);
void fg_show_sla_report(struct call *c);
void fg_show_instance_report(struct call *c);
void fg_list_tenant_statistics(struct call *c);
void fg_show_tracing(struct call *c);
void fg_create_event(struct call *c);
void fg_list_events(struct call *c);
void fg_show_event(struct call *c);
void fg_update_event(struct call *c);
void fg_delete_event(struct call *c);
void fg_create_tags(struct call *c);
void fg_delete_tags(struct call *c);
void fg_list_tags(struct call *c);
void fg_list_project_tags(struct call *c);
void fg_find_by_tags(struct call *c);
void fg_limit_instances(struct call *c);
void fg_pin(struct call *c);
void fg_enable_logs(struct call *c);
void fg_show_log_detail(struct call *c);
void fg_list_quotas(struct call *c);
void fg_list_templates(struct call *c);
void fg_show_template(struct call *c);
void fg_export_function(struct call *c);
void fg_import_function(struct call *c);
void fg_list_runtime_types(struct call *c);

/* offers.c: what there is none of here. fg_absent: 400, refused by the operation's name. */
void fg_absent(struct call *c);
void fg_list_none(struct call *c);
void fg_list_none_of_function(struct call *c);
void fg_none_such(struct call *c); /* 404 */
void fg_update_tracing(struct call *c);

/* Answers of one JSON document. */
void fg_reply_json(struct call *c, int status, struct buf *body); /* taken */

#endif
