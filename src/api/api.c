/* SPDX-License-Identifier: Apache-2.0 */
/*
 * api.c - where a request meets a cloud: the set by path prefix, the operation by route.
 *
 * Everything that can be refused without the body is refused at the head: unknown path, wrong
 * method, unknown key, a clock too far off. So a stranger never makes us hold 50 MB. What no prefix
 * claims belongs to the house set (house.c), which is also who words refusals of heads that nobody
 * could read.
 *
 * head --no route, no key--> answered           [on_head]
 *  \---> body ---> verify ---> handler ---> answered, any turn later   [on_request, call.c]
 *
 * Read next: call.c.
 */
#include "api/api.h"

#include <errno.h>
#include <stdlib.h>

#include "api/host.h"
#include "api/internal.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "gateway/gateway.h"

#define SERVER_MAGIC 0x41504953

struct mount { /* one set, ready to be asked */
    const struct api_set *set;
    struct router *router; /* owned */
    struct str prefix;
    const struct mount *next; /* the next set with the same prefix, or NULL */
};

struct api_server {
    uint32_t magic;
    const struct api *api; /* borrowed */
    struct mount *mounts;  /* owned; the house set last */
    uint32_t n;
    const char *refuse; /* why nothing but the house answers; NULL: all do */
    bool inside;        /* who asks is a function */
};

static struct mount mount_set(const struct api_set *set)
{
    struct mount m = {.set = set, .router = router_new(), .prefix = str_of(set->prefix)};

    for (uint32_t i = 0; i < set->nops && !set->choose && !set->route; i++)
        router_add(m.router, &set->ops[i].route);
    return m;
}

static const struct mount *next_alike(const struct api_server *s, uint32_t i)
{
    for (uint32_t k = i + 1; k < s->n; k++)
        if (str_eq(s->mounts[k].prefix, s->mounts[i].prefix))
            return &s->mounts[k];
    return NULL;
}

struct api_server *api_server_new(const struct api *api, const struct api_set *const *sets,
                                  uint32_t nsets)
{
    struct api_server *s = xnew(struct api_server);

    s->magic = SERVER_MAGIC;
    s->api = api;
    s->mounts = xcalloc(nsets + 1, sizeof(*s->mounts));
    for (uint32_t i = 0; i < nsets; i++)
        s->mounts[s->n++] = mount_set(sets[i]);
    s->mounts[s->n++] = mount_set(&house_set);
    for (uint32_t i = 0; i < s->n; i++)
        s->mounts[i].next = next_alike(s, i);
    return s;
}

void api_server_inside(struct api_server *s)
{
    s->inside = true;
}

void api_server_refuse(struct api_server *s, const char *why)
{
    s->refuse = why;
}

void api_prefixes(const struct http_request *r, struct jw *w)
{
    const struct api_server *s = OBJ(r->user, struct api_server, SERVER_MAGIC);

    jw_arr(w);
    for (uint32_t i = 0; i + 1 < s->n; i++)
        if (i == 0 || !str_eq(s->mounts[i].prefix, s->mounts[i - 1].prefix))
            jw_str(w, s->mounts[i].prefix);
    jw_arr_end(w);
}

struct api_server *api_server_free(struct api_server *s)
{
    if (!s)
        return NULL;
    for (uint32_t i = 0; i < s->n; i++)
        s->mounts[i].router = router_free(s->mounts[i].router);
    free(s->mounts);
    s->magic = 0;
    free(s);
    return NULL;
}

/* The longest prefix wins, and of equal ones the first; the house answers what nobody claims, also
 * no path at all. */
static const struct mount *pick(const struct api_server *s, struct str path)
{
    const struct mount *best = &s->mounts[s->n - 1];

    for (uint32_t i = 0; i + 1 < s->n; i++)
        if (!s->mounts[i].set->claims && str_starts(path, s->mounts[i].prefix) &&
            s->mounts[i].prefix.n > best->prefix.n)
            best = &s->mounts[i];
    return best;
}

/* Of sets with one prefix that which knows the path, or else the first: *m becomes it. */
static int find(const struct mount **m, struct http_request *req, struct route_match *ret)
{
    int r = router_find((*m)->router, req->method, req->path, req->arena, ret);

    for (const struct mount *other = (*m)->next; r == -ENOENT && other; other = other->next) {
        int s = router_find(other->router, req->method, req->path, req->arena, ret);

        if (s == -ENOENT)
            continue;
        *m = other;
        return s;
    }
    return r;
}

/* RFC 9110 section 15.5.6: a 405 says what would have been allowed. */
static void add_allow(struct call *c, const struct mount *m)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"};
    cleanup_with(buf_done) struct buf allow;
    struct route_match match;

    buf_init(&allow, 128);
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (router_find(m->router, str_of(methods[i]), c->req->path, c->req->arena, &match) == 0)
            buf_addf(&allow, "%s%s", allow.n > 0 ? ", " : "", methods[i]);
    call_header(c, "Allow", buf_str(&allow));
}

static void refuse_route(struct call *c, const struct mount *m, int r)
{
    struct str method = c->req->method, path = c->req->path;

    if (r == -ENOENT) {
        call_fail(c, m->set->wrong_path ? m->set->wrong_path : 404, NULL, "there is no API at %.*s",
                  STR_ARG(path));
    } else if (r == -EACCES && m->set->wrong_method != 0) {
        call_fail(c, m->set->wrong_method, NULL, "there is no API %.*s %.*s", STR_ARG(method),
                  STR_ARG(path));
    } else if (r == -EACCES) {
        add_allow(c, m);
        call_fail(c, 405, NULL, "%.*s does not take the method %.*s", STR_ARG(path),
                  STR_ARG(method));
    } else if (r == -EINVAL) {
        call_fail(c, 400, NULL, "the path has a malformed percent escape");
    } else {
        call_fail(c, 414, NULL, "the path is too long");
    }
}

static bool is_ours(const struct api *api, struct str host)
{
    return host_is_ours(host, str_of(api->hosts ? api->hosts : ""));
}

static bool refuse_host(struct call *c, const struct mount *m)
{
    if (m->set->any_host || is_ours(c->api, c->req->host))
        return false;
    call_fail(c, 421, NULL,
              "this is not %.*s; if it is to be called so, name it in the option 'hosts'",
              (int)(c->req->host.n < 255 ? c->req->host.n : 255), c->req->host.p);
    return true;
}

/* The gateway's by a name of its own; or by path, and then under a name of ours. */
static bool hand_over(const struct api_server *s, struct http_request *req)
{
    struct gateway *g = s->refuse ? NULL : s->api->gateway;

    if (!g ||
        !(gateway_named(g, req) || (gateway_has_path(req->path) && is_ours(s->api, req->host))))
        return false;
    req->ops = s->inside ? &gateway_inside_ops : &gateway_http_ops;
    req->user = g;
    req->ops->on_head(req);
    return true;
}

/* The set to which it belongs by what it says, whatever its path; NULL: none. */
static const struct mount *claimed(const struct api_server *s, const struct http_request *req)
{
    for (uint32_t i = 0; i + 1 < s->n; i++)
        if (s->mounts[i].set->claims && s->mounts[i].set->claims(req))
            return &s->mounts[i];
    return NULL;
}

/* Which operation it is: the set's door, or a route. False: it has replied. */
static bool match(struct call *c, const struct mount *m, int r, const struct route_match *match)
{
    if (m->set->choose) {
        c->op = m->set->door;
        call_matched(c);
        return true;
    }
    if (m->set->route) {
        const struct api_op *op = m->set->route(c);

        if (!op)
            return false; /* it has replied: c is gone */
        c->op = op;
        call_matched(c);
        return true;
    }
    if (r < 0) {
        refuse_route(c, m, r);
        return false;
    }
    c->op = container_of(match->row, struct api_op, route);
    memcpy(c->captures, match->captures, sizeof(c->captures));
    call_matched(c);
    return true;
}

static void on_head(struct http_request *req)
{
    struct api_server *s = OBJ(req->user, struct api_server, SERVER_MAGIC);
    const struct mount *m = claimed(s, req);
    struct route_match route;
    struct call *c;
    int r = 0;

    if (hand_over(s, req))
        return;
    route.row = NULL; /* a set that claims finds its operations itself */
    if (!m) {
        m = pick(s, req->path);
        r = find(&m, req, &route);
    }
    c = call_new(req, s->api, m->set);
    if (refuse_host(c, m))
        return;
    if (s->refuse && m->set != &house_set) {
        call_header(c, "Retry-After", S("1"));
        call_fail(c, 503, NULL, "%s", s->refuse);
        return;
    }
    if (!match(c, m, r, &route))
        return;
    if (c->set->admit && !c->set->admit(c))
        return; /* it has replied */
    /* Routed by its head, proved by its head: who may not sends no body. */
    if (c->set->route && !permit_operation(c))
        return;
    req->body_max = c->op->body_max;
}

static void on_request(struct http_request *req)
{
    call_run(req->app);
}

static void on_cancel(struct http_request *req)
{
    call_cancel(req->app);
}

static void on_refuse(void *user, struct http_refusal *x)
{
    char request_id[UUID_TEXT];

    (void)user;
    if (x->req) {
        call_refuse(x->req->app, x);
        return;
    }
    uuid4(request_id); /* nobody knows what this was to be */
    x->type = house_set.error(NULL, request_id, x->status, NULL, x->why, x->body);
}

const struct http_ops api_http_ops = {
        .on_head = on_head,
        .on_request = on_request,
        .on_cancel = on_cancel,
        .on_refuse = on_refuse,
};
