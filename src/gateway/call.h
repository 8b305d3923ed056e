/* SPDX-License-Identifier: Apache-2.0 */
/*
 * call.h - one request on its way through the gateway, for the files of this room.
 *
 * A call goes through the steps in call.c's table in order: match, CORS, authentication,
 * throttling, parameters, authorizer, backend. A step says GO_ON, or it keeps the call (WAIT: it
 * calls gw_continue() later, never from inside the step), or it has ended it (ENDED: gw_fail() or
 * gw_reply() was called and the call is gone).
 *
 * The client may go away while a step waits: c->req is NULL then. Where c->cancel is set, it is
 * called and the call is gone; where not, the step calls gw_continue() or ends the call as ever, and
 * nothing goes anywhere. What a step needs beyond that lives in c->arena. A step whose completion
 * may come after gateway_free() sets cancel.
 */
#ifndef EVOKE_GATEWAY_CALL_H
#define EVOKE_GATEWAY_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/crypto.h"
#include "base/list.h"
#include "base/obj.h"
#include "base/str.h"
#include "dialect/shape.h"
#include "gateway/gateway.h"
#include "gateway/model/fault.h"
#include "gateway/model/match.h"
#include "gateway/model/model.h"
#include "http/server.h"

struct loop_timer;

enum { GW_CALL_MAGIC = 0x47574343, GW_ARENA = 512 << 10, GW_ADDRESS = 48 };

enum gw_step { GW_GO_ON, GW_WAIT, GW_ENDED };

/* What is left of a limit after this call; of what: the order in which they are told. */
enum gw_quota_of { GW_QUOTA_API, GW_QUOTA_USER, GW_QUOTA_APP, GW_QUOTA_IP, GW_QUOTAS };
struct gw_quota {
    uint32_t limit, left; /* limit 0: there is none */
};

struct gw_call {
    uint32_t magic;
    struct list node; /* of the gateway's open calls */
    struct gateway *gw;
    struct gw_guard *guard;         /* borrowed: guard.h */
    const struct http_request *req; /* NULL once the client has gone */
    const struct gw_sink *sink;
    void *sink_user;
    struct arena *arena; /* owned */
    char request_id[UUID_TEXT];
    uint64_t began_ns;
    char source_ip[GW_ADDRESS]; /* of the connection, without port; "" for a local socket */
    bool by_path; /* under /apigw/ or /2016-08-15/proxy/: an origin that is not its own */
    bool outside; /* it came by the public listener */
    bool inside;  /* a function sent it, by its endpoint */
    bool debug;
    struct gw_api
            *draft; /* referenced: this one is meant, whatever is published; NULL: see match */

    /* match */
    struct gw_group *group; /* referenced; NULL: no such host */
    struct gw_api *api;     /* referenced; NULL until it is known */
    struct str path;        /* raw, without stage or group prefix; begins with '/' */
    struct str target;      /* the same with query, as the function is to see it (FC: rewritten) */
    struct str stage;
    struct str fc_path; /* FC: decoded, as the handler sees it */
    struct gw_match match;
    struct shape_pair *query; /* decoded, in order; value.p NULL: no '=' */
    size_t nquery;

    /* who (authenticate.c, authorizer.c) */
    struct str app_id, app_name, app_key;
    struct str user; /* access key or name that an IAM signature proved */
    struct gw_quota quota[GW_QUOTAS];
    struct shape_list context,
            backend_context;              /* of authorizers: name, value as text; they lie in: */
    struct authorizer_answer *answers[2]; /* references; gw_authorize_done() */

    /* what the backend is given besides (params.c): where a name is there already, it is replaced; a
     * value whose p is NULL: by nothing */
    struct shape_list out_headers, out_query, out_path;
    struct shape_list header_params, query_params, path_params; /* declared ones (SCF) */

    size_t step; /* index into the table of call.c */
    bool begun;  /* its body is there: a step has it, or waits with it */
    void *state; /* of the step that waits */
    /* The step that waits is to let go: the client has gone, or the gateway ends. May be NULL: it
     * does not care and calls gw_continue(). */
    void (*cancel)(struct gw_call *c);
    /* A streamed answer may go on (gw_send_more() said no). Set by the step that streams. */
    void (*room)(struct gw_call *c);

    struct loop_timer *timer; /* owned, also beyond the call; NULL: none was ever needed */
    void (*late)(struct gw_call *c);

    /* What the answer says besides, unless it says it itself (cors.c). */
    struct shape_list besides;

    /* a streamed answer for a sink that takes whole ones */
    struct {
        bool on;
        int status;
        struct str type;
        struct shape_list headers;
        struct buf body;
    } gathered;

    /* for the access log */
    struct {
        struct str host, method, path;
    } log; /* where there is one: the request is gone by then */
    int status;
    uint64_t backend_ns, authorizer_ns, sent;
    bool authorizer_cached;
    enum gw_fault fault; /* GW_FAULTS: none */
};

/* The steps; each in the file of its name. */
enum gw_step gw_match_step(struct gw_call *c); /* route.c */
enum gw_step gw_cors(struct gw_call *c);       /* cors.c */
/* Is it a preflight that the gateway answers? Then it has. Where no API takes OPTIONS, api is NULL. */
bool gw_preflight(struct gw_call *c);
enum gw_step gw_authenticate(struct gw_call *c);    /* authenticate.c: APP, IAM, SECRET, FC */
enum gw_step gw_fc_authenticate(struct gw_call *c); /* for it: FC's signature */
enum gw_step gw_throttle(struct gw_call *c);        /* throttle.c */
/* X-Apig-RateLimit-..., for an answer in debug mode: how many there are; texts in the arena. */
size_t gw_quota_headers(struct gw_call *c, struct shape_pair ret[GW_QUOTAS]);
enum gw_step gw_params(struct gw_call *c);    /* params.c: declared parameters */
enum gw_step gw_authorize(struct gw_call *c); /* authorizer.c */
void gw_authorize_done(struct gw_call *c);    /* at its end, however it ends: context is gone */
enum gw_step gw_map_out(struct gw_call *c);   /* params.c: backend parameters, with the context */
enum gw_step gw_backend(struct gw_call *c);   /* backend.c: by kind, one of these */
enum gw_step gw_backend_function(struct gw_call *c); /* function.c */
enum gw_step gw_backend_http(struct gw_call *c);     /* backend_http.c */
enum gw_step gw_backend_mock(struct gw_call *c);     /* mock.c */

/* The path begins with "/2016-08-15/proxy/": sets group, api, path, target, match (fc.c). GO_ON or
 * ENDED. */
enum gw_step gw_fc_proxy(struct gw_call *c);
/* c->group is an FC custom domain: the same, rewritten as its route says (fc.c). */
enum gw_step gw_fc_routed(struct gw_call *c);

void gw_continue(struct gw_call *c); /* the step that waited is done */
/* late is called once unless the call goes on or ends before. One at a time: the next replaces it. */
void gw_deadline(struct gw_call *c, uint32_t ms, void (*late)(struct gw_call *c));
/* Each ends the call. detail: what, where, which limit, for the message's %s; may be NULL. */
void gw_fail(struct gw_call *c, enum gw_fault why, const char *detail, ...)
        __attribute__((format(printf, 3, 4)));
/* A function's answer: headers that a gateway must not pass are dropped (reply.c), and then
 * gw_send(). body is taken. */
void gw_reply(struct gw_call *c, int status, struct str type, struct shape_list headers,
              struct buf *body);

/* How a fault is said, in the words of the group's cloud and of the group itself (responses.c). */
struct gw_worded {
    int status;
    struct str type;
    struct shape_list headers; /* in the call's arena */
    struct buf body;           /* owned */
};
void gw_word(struct gw_call *c, enum gw_fault why, const char *detail, struct gw_worded *ret);

/* The last of all: the answer as it is, but for what every answer carries (call.c: request id; by
 * path: Content-Security-Policy). body is taken; NULL: none. Ends the call. */
void gw_send(struct gw_call *c, int status, struct str type, struct shape_list headers,
             struct buf *body);
/* The same in pieces; see gw_sink. type and headers lie in the call's arena. After end the call is gone; whole false: it is cut off. */
void gw_send_start(struct gw_call *c, int status, struct str type, struct shape_list headers,
                   int64_t length);
bool gw_send_more(struct gw_call *c, struct str bytes);
void gw_send_end(struct gw_call *c, bool whole);

/* catalog_resolve() for this call: rules of an alias may ask its headers, cookies, query. */
const struct fn *gw_resolve(struct gw_call *c, struct catalog *catalog, const struct fn_key *key,
                            const char *qualifier);

/* First header of the request with that name, any case, or STR_NONE. */
struct str gw_header(const struct gw_call *c, struct str name);
/* What the shape words as an event: everything of the call; lists live in its arena. user_data:
 * STR_NONE but for authorizers. 0 or -ENOMEM. */
int gw_describe(struct gw_call *c, struct str user_data, struct shape_http *ret);
/* "$context.sourceIp" and its like (functiongraph.md 5.4, 5.5); STR_NONE: there is no such. */
struct str gw_system_value(struct gw_call *c, struct str name);

#endif
