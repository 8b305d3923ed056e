/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.h - the acting half of a dialect: a table of operations over HTTP. Routing, body limits, the
 * order of checks and the life of a call are the same for every cloud and live in api.c; a dialect
 * brings its table, its way to authenticate and its error body. The admin API is one more table.
 *
 * A call: route (head) -> set->admit (head: known key? clock?) -> body -> set->verify (signature;
 * large bodies on a worker thread) -> op->handle -> exactly one call_reply...() or call_fail() now
 * or in a later turn. When the client goes away first, c->req becomes NULL and c->state stays the
 * handler's: it goes on, and its reply goes nowhere. So a handler that waits must copy what it
 * needs from the request before it returns.
 */
#ifndef EVOKE_API_API_H
#define EVOKE_API_API_H

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/str.h"
#include "http/router.h"
#include "http/server.h"

struct backups;
struct audit;
struct cJSON;
struct call;
struct catalog;
struct delivery;
struct fn_key;
struct gateway;
struct health;
struct history;
struct invoker;
struct keys;
struct launch;
struct logs;
struct loop;
struct metrics;
struct objects;
struct pool;
struct invoke_spec;
struct run_trace;
struct timers;
struct tracer;

struct interpreter;

/* Answers given, for the metrics: by set and class of status ([2]: 200 to 299; [0]: others). */
enum { API_SETS = 12, API_CLASSES = 6 };
struct api_counts {
    struct {
        const struct api_set *set; /* NULL: no more */
        uint64_t replies[API_CLASSES];
    } sets[API_SETS];
};

/* What API halves may call. Made by the daemon, borrowed by all. */
struct api {
    struct loop *loop;
    struct catalog *catalog;
    struct invoker *invoker;
    struct delivery *delivery; /* asynchronous events */
    struct timers *timers;
    struct gateway *gateway; /* whose requests go to it before any set is asked; NULL: none */
    struct objects *objects; /* buckets; NULL: none */
    struct pool *pool;
    struct launch *launch;
    struct keys *keys;
    struct backups *backups;
    struct metrics *metrics;
    struct history *history;
    struct logs *logs;
    struct api_counts *counts; /* NULL: nobody counts */
    struct health *health;     /* what /readyz says; NULL: all is well */
    const char *commit;        /* of the source this was built from; "": unknown */
    struct tracer *tracer;     /* NULL: nobody traces */
    struct audit *audit;       /* who did what; NULL: nobody asks */
    const char *hosts;  /* names that are ours beside the usual ones (api/host.h); NULL: none */
    const char *region; /* where a request names none: "local-1" */
    const struct interpreter *interpreters; /* see runtime/runtime.h */
};

/* What the temporary keys of a function's role may do with an operation (docs/compat/roles.md). The
 * keys of the installation may do everything. */
enum api_role {
    API_ROLE_NOTHING,
    API_ROLE_ITSELF,  /* only to the function whose role it is */
    API_ROLE_ACCOUNT, /* to every function of its dialect, account and region */
};

struct api_op {
    struct route route;
    const char *name; /* the operation's name in the cloud's own documents */
    uint64_t body_max;
    void (*handle)(struct call *c);
    enum key_scope scope; /* what a key must be allowed to do; 0 counts as KEY_ADMIN */
    enum api_role role;   /* with more than NOTHING, the handler asks call_permit() */
    bool unrecorded;      /* it reads the audit trail, which does not tell of itself */
    bool json; /* the handler will call call_json(): a large body is parsed ahead, on a worker */
    bool by_query; /* the handler tells of the function that the query names, if it names one */
    /* For docs/compat/operations.md, which is made of these tables (tools/operations.c). */
    const char *partly; /* what of it is missing; NULL: nothing we know of */
    const char *absent; /* it makes no sense here, or is not built: what it answers, and why */
    const char *model;  /* its parameters, in the set's own notation; NULL: the handler knows */
    bool each; /* the handler asks call_sees() of everything it tells: open to keys of one account
                  also where the request names none */
};

/* Whose things a request is about; what is empty, or negative, it does not say. */
struct api_realm {
    int dialect;
    struct str account;
};

/* How a set refuses a body over its operation's limit. */
struct api_too_large {
    int status;       /* 413 at first */
    const char *code; /* NULL at first: error() chooses by status */
    char message[128];
};

struct api_set {
    const char *name; /* "functiongraph", "fc", "admin" */
    /* "/v2/": paths that start so are this set's; where sets share one, those of the first that knows the path. */
    const char *prefix;
    const struct api_op *ops;
    uint32_t nops;
    bool any_host;    /* answers by whatever name it was asked: it sees to strangers itself */
    int wrong_path;   /* status when no path fits; 0: 404 */
    int wrong_method; /* status when the path exists and the method does not; 0: 405 with Allow */
    /*
     * For a set whose requests name their operation themselves, in a header or in the body; its rows are
     * all one route. claims: is it one of those? Asked before any path is. choose: it is here whole; which
     * operation is it, and who signs, if admit() could not know? NULL: it has replied.
     */
    bool (*claims)(const struct http_request *r);
    const struct api_op *door; /* what it is until it is chosen: how large a body may be at most */
    const struct api_op *(*choose)(struct call *c);
    /* For a set that claims, instead of choose and door: the operation by the head alone, with its captures.
     * NULL: it has replied. */
    const struct api_op *(*route)(struct call *c);
    bool in_band; /* every answer has status 200, also one that says that something failed */
    /* Head: false = it has replied (call_fail). */
    bool (*admit)(struct call *c);
    /* Whole request: is it signed? Pure, because for a large body it runs on a worker thread. */
    enum auth_failure (*verify)(const struct keys *k, const struct http_request *r, struct err *e);
    void (*refuse)(struct call *c, enum auth_failure why, const struct err *e); /* replies */
    /* The account the request names. A set whose every request is about everybody has none. */
    void (*realm)(struct call *c, struct api_realm *ret);
    /* In the cloud's words; NULL: 413 and a plain sentence. The server asks as soon as it knows. */
    void (*too_large)(const struct api_op *op, struct api_too_large *x);
    /* The dialect's error body. r is NULL when the server itself refuses. code may be NULL: choose
     * by status. Returns the content type. */
    const char *(*error)(struct http_request *r, const char *request_id, int status,
                         const char *code, const char *message, struct buf *out);
    /* Headers every answer of the set carries (request id), also a refusal of the server. */
    void (*headers)(struct call *c);
};

struct call {
    uint32_t magic;
    struct http_request *req; /* NULL once the client has gone */
    const struct api *api;
    const struct api_set *set;
    const struct api_op *op;
    struct str captures[ROUTE_CAPTURES];
    char request_id[UUID_TEXT];
    struct {
        char *role; /* owned: path of the function whose role signed; NULL: a key of ours, and then */
        uint8_t scope; /* ... what it may do */
        char name[KEY_NAME], access_key[KEY_ACCESS];
        char account[KEY_ACCOUNT], dialect[KEY_DIALECT]; /* "": any */
    } by;
    void *state;       /* the handler's */
    uint64_t whole_ns; /* the body was there; 0: nobody traces */
};

/* admit() has seen who signs. */
void call_signed_by(struct call *c, const struct auth_caller *caller);
/* May the signer do this operation to that function? False: it has replied 403. A role's keys are
 * void when its function is gone or has no role any more. */
bool call_permit(struct call *c, const struct fn_key *key);
/* For the audit trail: the function it is about, which its path does not name (a create). Part of
 * call_permit(). */
void call_about(struct call *c, const struct fn_key *key);
/* May the signer know of it? For lists (api_op.each). */
bool call_sees(const struct call *c, int dialect, struct str account);
/* For the audit trail: what is special about an answer that is no failure ("dry_run"). */
void call_note(struct call *c, const char *code);

/* Times and trace context of the request, for the run it asks for (spec->fn is set); *room is what
 * spec then refers to. */
void call_trace(const struct call *c, struct invoke_spec *spec, struct run_trace *room);

/* Each ends the call; c is gone afterwards. */
void call_reply(struct call *c, int status, struct str content_type, struct str body);
void call_reply_buf(struct call *c, int status, struct str content_type,
                    struct buf *body); /* taken */
void call_fail(struct call *c, int status, const char *code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* Status by err: CALLER 400 (ENOENT 404, EEXIST 409, EMSGSIZE 413), LIMIT 429, FUNCTION 502, HOST
 * 503. */
void call_fail_err(struct call *c, const char *code, const struct err *e);
/* For an answer in pieces: the call is over, with this status, and its request is the caller's to answer
 * (http_reply_start(), with ops of its own in req->ops). NULL: the client has gone. */
struct http_request *call_hand_over(struct call *c, int status);
/* May be called when the client has gone: does nothing then. */
void call_header(struct call *c, const char *name, struct str value);
/* For short values of our own: 1023 bytes at most, a longer one is left out. */
void call_headerf(struct call *c, const char *name, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
/* The body as JSON, owned by the caller (json_free); NULL: e says why not. Once per call. */
struct cJSON *call_json(struct call *c, struct err *e);
/* Decoded query parameter in the request's arena; STR_NONE (p == NULL) when absent. */
struct str call_query(struct call *c, struct str name);
/* catalog_resolve() for this request: rules of an alias may ask its headers, cookies, query. */
const struct fn *call_resolve(struct call *c, const struct fn_key *key, struct str qualifier);

/*
 * The HTTP side: one server whose requests go to the set with the longest matching prefix.
 * What no set wants goes to a built-in one: GET /healthz, /readyz, /version (docs/operations.md),
 * else 404 {"error","message"}.
 */
struct api_server; /* opaque */
struct api_server *api_server_new(const struct api *api, const struct api_set *const *sets,
                                  uint32_t nsets);
/* Its requests come from functions, by their endpoint. */
void api_server_inside(struct api_server *s);
/* From now on every set but the built-in one answers 503 with this sentence (a literal). */
void api_server_refuse(struct api_server *s, const char *why);
struct api_server *api_server_free(struct api_server *s);
extern const struct http_ops
        api_http_ops; /* http_server_new(l, limits, &api_http_ops, api_server) */

#endif
