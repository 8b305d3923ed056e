/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig.h - what the files of API Gateway's control plane share; for no other room.
 *
 * An object is a resource of the catalog (gateway/plane/kinds.h) whose body is what the client said; what
 * is shown is that, with defaults and with what the gateway knows of its own accord. So a file here
 * says of a kind: how it is called, which codes its refusals have, what belongs in an answer.
 */
#ifndef EVOKE_DIALECT_FUNCTIONGRAPH_API_APIG_H
#define EVOKE_DIALECT_FUNCTIONGRAPH_API_APIG_H

#include <stdbool.h>
#include <stdint.h>

#include "api/api.h"
#include "base/buf.h"
#include "base/str.h"
#include "catalog/resources.h"

struct apig_plan;
struct cJSON;
struct jw;
struct map;

#define APIG_INSTANCE "evoke" /* the one gateway there is */

enum {
    APIG_BODY = 1 << 20,       /* of a request */
    APIG_DEBUG_BODY = 4 << 20, /* a debug call's: 2 MiB of body, escaped */
    APIG_OBJECT = 512 << 10,   /* of one object in an answer */
    APIG_LIST = 64 << 20,
    APIG_PAGE = 20,
    APIG_PAGE_MAX = 500,
};

/* One kind of object, as the cloud words it. */
struct apig_default {
    const char *key, *json; /* shown where the body has none */
};
struct apig_kind {
    const char *name;                     /* in gateway/plane/kinds.h */
    const char *list;                     /* key of lists */
    const char *what;                     /* "API group" */
    const char *missing, *exists, *quota; /* codes: 404, 400, 403 */
    const struct apig_default *defaults;  /* ends with a NULL key */
    /* What the gateway knows of its own accord, into the object to be shown. */
    void (*adorn)(const struct call *c, const struct resource *r, struct cJSON *object);
    bool merge; /* an update says only what changes */
};
extern const struct apig_kind apig_groups, apig_domains, apig_apis, apig_versions, apig_authorizers,
        apig_envs, apig_variables, apig_responses, apig_throttles, apig_throttle_binds, apig_apps,
        apig_app_codes, apig_app_auths;

/* ---- apig_error.c ---- */

enum apig_why {
    APIG_PARAMETER_ERROR, /* detail: a sentence */
    APIG_UNSUPPORTED,     /* detail: what is not there */
    APIG_NO_INSTANCE,
    APIG_NO_FUNCTION,
    APIG_NO_ENVIRONMENT,
    APIG_NO_RELEASE,
    APIG_SAME_API,
    APIG_FIXED, /* detail: why it cannot be changed */
    APIG_NOT_APP_AUTH,
    APIG_GROUP_FULL,
    APIG_API_PUBLISHED,
    APIG_ENV_PUBLISHED,
    APIG_BUSY,
    APIG_SYSTEM,
    APIG_WHYS
};
struct apig_said {
    int status;
    const char *code, *message; /* with one %s for the detail, or none */
};
extern const struct apig_said apig_said[APIG_WHYS];
void apig_fail(struct call *c, enum apig_why why, const char *detail, ...)
        __attribute__((format(printf, 3, 4)));
/* 400 APIG.2011, with the name of the parameter and a sentence. */
void apig_fail_parameter(struct call *c, const char *name, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void apig_fail_missing(struct call *c, const struct apig_kind *k, struct str id);
/* What the catalog answered to a write of that kind. */
void apig_fail_catalog(struct call *c, const struct apig_kind *k, int r);
const char *apig_error_body(struct http_request *r, const char *request_id, int status,
                            const char *code, const char *message, struct buf *out);
void apig_too_large(const struct api_op *op, struct api_too_large *x);

/* ---- apig.c: from the path to the object, and back ---- */

/* Is the project one, and the instance ours? False: it has replied. */
bool apig_enter(struct call *c);
struct str apig_project(const struct call *c);
struct str apig_path(const struct call *c, unsigned i); /* captures behind the instance */
struct cJSON *apig_body(struct call *c); /* a JSON object, json_free() it; NULL: it has replied */
/* Ours and of that kind, or NULL: unknown, or somebody else's. */
const struct resource *apig_look(const struct call *c, const struct apig_kind *k, struct str id);
/* The same; NULL: it has replied 404. */
const struct resource *apig_find(struct call *c, const struct apig_kind *k, struct str id);
/* The same for something that belongs to parent. */
const struct resource *apig_find_in(struct call *c, const struct apig_kind *k, struct str id,
                                    struct str parent);
/* The name of an environment; STR_NONE: there is none. Borrowed. */
struct str apig_env_name(const struct call *c, struct str id);
struct resource_filter apig_filter(const struct call *c, const struct apig_kind *k,
                                   struct str parent);

/* Those of a kind that belong to parent ("": all of ours), by two members of their bodies, or by one
 * (b NULL). Values are borrowed like catalog_resource(); map_free() it. For lists that would
 * otherwise look through all for each row. */
struct map *apig_index(const struct call *c, const char *kind, struct str parent, const char *a,
                       const char *b);
const struct resource *apig_indexed(const struct map *index, struct str a, struct str b);

/* Members of objects: set replaces. */
struct str apig_text(const struct cJSON *object, const char *key);         /* "" when absent */
void apig_set(struct cJSON *object, const char *key, struct cJSON *value); /* taken */
void apig_set_str(struct cJSON *object, const char *key, struct str s);
void apig_set_int(struct cJSON *object, const char *key, int64_t v);
void apig_set_time(struct cJSON *object, const char *key, int64_t wall_ms);

/* The object as it is shown; json_free() it. */
struct cJSON *apig_object(const struct call *c, const struct apig_kind *k,
                          const struct resource *r);
void apig_reply(struct call *c, int status, struct cJSON *object); /* taken */
void apig_reply_resource(struct call *c, int status, const struct apig_kind *k,
                         const struct resource *r);

/* A page of something: rows are offered in order, those of the page are kept. */
struct apig_list {
    struct call *c;
    struct buf *body; /* owned */
    struct jw *w;     /* owned */
    uint64_t offset, limit, total, size;
};
bool apig_list_begin(struct apig_list *l, struct call *c, const char *key); /* false: replied */
bool apig_list_wants(struct apig_list *l);                  /* counts one more; true: add it */
void apig_list_add(struct apig_list *l, struct cJSON *row); /* taken */
void apig_list_end(struct apig_list *l);

/* A query parameter to filter by: text or STR_NONE. */
struct apig_match {
    struct str id, name;
    bool precise; /* precise_search names "name" */
};
void apig_match_query(struct call *c, struct apig_match *ret);
bool apig_matches(const struct apig_match *m, const struct resource *r);
bool apig_has(struct str hay, struct str needle); /* part of it, any case; "" is part of all */

/* ---- apig_write.c: the ways to write one object ---- */

/* A draft of that kind: checked by gw_check(), named by its body's "name". NULL: it has replied. id
 * "": a new one. body is borrowed. */
struct resource *apig_draft(struct call *c, const struct apig_kind *k, struct str id,
                            struct str parent, const struct cJSON *body);
/* A draft of r with another body, in full. */
struct resource *apig_redraft(struct call *c, const struct apig_kind *k, const struct resource *r,
                              const struct cJSON *body);
/* r's body with what `with` says laid over it (k->merge), or `with` itself. json_free() it. */
struct cJSON *apig_merge(const struct apig_kind *k, const struct resource *r,
                         const struct cJSON *with);
/* Write and answer with the object. */
void apig_create(struct call *c, const struct apig_kind *k, struct resource *draft); /* taken */
void apig_update(struct call *c, const struct apig_kind *k, struct resource *draft); /* taken */

/* Remove it with what is only there for it (gw_remove()): 204. */
void apig_remove(struct call *c, const struct apig_kind *k, const struct resource *r);
/* Nobody needs it? False: it has replied `why`, or APIG_FIXED with who does. */
bool apig_unused(struct call *c, const struct resource *r, enum apig_why why);

/*
 * Several records of one kind, written one after another; the first failure ends it. done() is
 * called once, with it or 0, and answers the call.
 */
struct apig_plan *apig_plan_new(struct call *c);
void apig_plan_create(struct apig_plan *p, struct resource *draft); /* taken */
void apig_plan_delete(struct apig_plan *p, const struct resource *r);
void apig_plan_run(struct apig_plan *p, void (*done)(struct call *c, int r, void *user),
                   void *user);           /* p is taken */
void apig_plan_drop(struct apig_plan *p); /* it is not to be run */

/* ---- between the files of subjects ---- */

/* apig_api.c: does that function exist? False: it has replied. */
bool apig_function_ok(struct call *c, const char *where, struct str urn, struct str alias_urn);
/* Of one API, what lists of bindings show: group_name, req_uri, run_env_name, ... */
struct cJSON *apig_outline(const struct call *c, const struct resource *api);
/* apig_group.c: a whole list of one kind, by id and name; a whole update. */
void apig_list_kind(struct call *c, const struct apig_kind *k, struct str parent);
void apig_change(struct call *c, const struct apig_kind *k, const struct resource *r,
                 const struct cJSON *with);
/* apig_publish.c: what publishing came to. */
enum apig_why apig_publish_why(int r);
/* What it is answered with. version NULL: there is none any more. */
struct cJSON *apig_publication(struct str api_id, struct str api_name, struct str env_id,
                               const struct resource *version, const struct resource *release);
/* apig_version.c: the names and ids of the environments it is online in, as APIs show them. */
void apig_add_releases(const struct call *c, const struct resource *api, struct cJSON *object);
/* apig_domain.c: those of a group. */
struct cJSON *apig_url_domains(const struct call *c, struct str group);

#endif
