/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - who did what, for the audit trail.
 *
 * Every call of the control plane: what changes something always, what was refused always, what only
 * reads if --audit=all asks for it. Running functions is not the control plane; it has logs and
 * traces of its own. The answer to a change goes out when its record is on disk, so that what a
 * client was told can be found after a crash.
 *
 * The request may be gone when the call ends: what the record needs of it is copied at its head.
 * Bodies, queries and headers are not: secrets travel there.
 */
#include "api/record.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/uri.h"
#include "fn/fn.h"
#include "observe/audit/audit.h"

struct record {
    bool change, reads; /* it may change something; the trail wants to know of it in any case */
    char address[64], code[64];
    char *object; /* owned */
    uint64_t received_ns;
};

static char *path_of(const struct http_request *req)
{
    cleanup_with(buf_done) struct buf path;

    buf_init(&path, AUDIT_TEXT);
    if (req->path.n > AUDIT_TEXT || uri_decode(req->path, false, &path) < 0)
        return str_dup(
                (struct str){req->path.p, req->path.n < AUDIT_TEXT ? req->path.n : AUDIT_TEXT});
    return str_dup(buf_str(&path));
}

struct record *record_new(const struct call *c)
{
    struct str method = c->req->method;
    struct record *r;

    if (!c->api->audit || audit_conf(c->api->audit)->what == AUDIT_OFF || !c->set->verify ||
        c->op->scope == KEY_INVOKE)
        return NULL;
    r = xnew(struct record);
    r->change = c->set->choose ? c->op->scope != KEY_READ
                               : !str_eq(method, S("GET")) && !str_eq(method, S("HEAD"));
    r->reads = audit_conf(c->api->audit)->what == AUDIT_ALL && !c->op->unrecorded;
    r->received_ns = c->req->received_ns;
    (void)snprintf(r->address, sizeof(r->address), "%.*s", STR_ARG(c->req->peer));
    r->object = path_of(c->req);
    return r;
}

struct record *record_free(struct record *r)
{
    if (r)
        free(r->object);
    free(r);
    return NULL;
}

void record_about(struct record *r, const struct fn_key *key)
{
    cleanup_with(buf_done) struct buf path = {0};

    if (!r)
        return;
    buf_init(&path, AUDIT_TEXT);
    fn_key_path(key, &path);
    if (!buf_ok(&path))
        return;
    free(r->object);
    r->object = str_dup(buf_str(&path));
}

void record_code(struct record *r, const char *code)
{
    if (r && code)
        (void)snprintf(r->code, sizeof(r->code), "%s", code);
}

bool record_forbids(const struct call *c, const struct record *r)
{
    return r && r->change && audit_conf(c->api->audit)->strict && audit_failing(c->api->audit);
}

bool record_write(const struct call *c, const struct record *r, int status, bool handled,
                  void (*done)(void *user), void *user)
{
    struct audit_record rec;
    bool wait;

    if (!r || (!r->change && !r->reads && audit_result(status) != AUDIT_DENIED))
        return false;
    rec = (struct audit_record){
            .time_ms = clock_wall_ms(),
            .op = c->op->name,
            .api = c->set->name,
            .who = str_of(c->by.access_key),
            .name = str_of(c->by.role ? c->by.role : c->by.name),
            .address = str_of(r->address),
            .object = str_of(r->object),
            .status = status,
            .code = str_of(r->code),
            .request_id = c->request_id,
            .took_ms = (clock_mono_ns() - r->received_ns) / 1000000,
            .stranger = !handled,
    };
    /* What was refused for a reason of the caller's has changed nothing. */
    wait = r->change && handled && (status < 400 || status >= 500);
    audit_write(c->api->audit, &rec, wait ? done : NULL, user);
    return wait;
}
