/* SPDX-License-Identifier: Apache-2.0 */
/* client.h - the admin API from the other side: signed requests, answers, errors. libcurl. */
#ifndef EVOKE_CLI_CLIENT_H
#define EVOKE_CLI_CLIENT_H

#include "base/buf.h"
#include "base/str.h"

struct cJSON;
struct client; /* opaque */
struct common;
struct err;

/* Finds endpoint and key pair: option, then environment, then default or keys.json. -EACCES when
 * there is no key pair. */
int client_new(const struct common *common, struct client **ret, struct err *e);
struct client *client_free(struct client *c);
void client_freep(struct client **c); /* for cleanup_with() */

struct client_request {
    const char *method;
    struct str path;  /* encoded, "/evoke/v1/..." */
    struct str query; /* encoded, without '?'; may be empty */
    const char *content_type;
    const char *event_id; /* X-Evoke-Event-Id; NULL: none */
    struct str body;
    uint64_t timeout_ms; /* 0: none (invocations end when their function does) */
    bool watched; /* ends early: -EINTR after Ctrl-C (interrupt.h), -EPIPE without reader of stdout */
    bool whole;   /* watched: once its body is sent whole, its answer is waited for all the same */
    void (*on_sent)(void *user, uint64_t sent, uint64_t total); /* now and then; or NULL */
    void *user;
};

/*
 * Returns the status (200..299), or negative with e: -ECONNREFUSED nobody answers, -ENOENT,
 * -EACCES,
 * ... as the daemon said it. body is initialised here; done by the caller, also on failure.
 */
int client_call(struct client *c, const struct client_request *req, struct buf *body,
                struct err *e);
/* The answer as JSON; otherwise -EPROTO, which is the daemon's fault. Free with json_free(). */
int client_json(const struct buf *body, struct cJSON **ret, struct err *e);
/* GET of a JSON answer. Free with json_free(). */
int client_get(struct client *c, struct str path, struct str query, struct cJSON **ret,
               struct err *e);
/* "http://127.0.0.1:8900"; borrowed. */
struct str client_endpoint(const struct client *c);
/* Of the last answer; STR_NONE when it had none of that name. Borrowed until the next call. */
struct str client_header(struct client *c, const char *name);

#endif
