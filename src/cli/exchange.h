/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - one signed request and its answer, on a libcurl handle of its own: for client.c, one
 * at a time, and fan.c, many at once. */
#ifndef EVOKE_CLI_EXCHANGE_H
#define EVOKE_CLI_EXCHANGE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/str.h"

struct client;
struct client_request;
struct err;

struct exchange {
    CURL *curl;
    struct curl_slist *headers; /* of the request under way */
    struct buf *body;           /* borrowed: where the answer goes */
    bool ours;                  /* of our own API, whose every answer tells a version */
    char error[CURL_ERROR_SIZE];
};

int exchange_init(struct exchange *x, struct err *e); /* -ENOMEM */
void exchange_done(struct exchange *x);

/* Sign it and set everything up; libcurl does the rest. What req points to stays until its end.
 * body is initialised here; done by the caller, also on failure. */
int exchange_prepare(const struct client *c, struct exchange *x, const struct client_request *req,
                     struct buf *body, struct err *e);
/* What came of it: the status (200..299), or negative as client_call() says. */
int exchange_result(const struct client *c, struct exchange *x, CURLcode code, struct err *e);
/* Of its answer; STR_NONE when it had none of that name. Borrowed until the next request. */
struct str exchange_header(struct exchange *x, const char *name);

#endif
