/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h - what the files of this room share; for no other room. */
#ifndef EVOKE_API_INTERNAL_H
#define EVOKE_API_INTERNAL_H

#include "api/api.h"

struct jw;

enum { ERROR_MESSAGE = 512, ERROR_BODY = 8192, HEADER_TEXT = 1024 };

struct call *call_new(struct http_request *r, const struct api *api, const struct api_set *set);
/* c->op is known now. */
void call_matched(struct call *c);
/* The request is here whole: check the signature, then it is the handler's. */
void call_run(struct call *c);
/* The server refuses the rest of the request: the set words it. call_cancel() follows. */
void call_refuse(struct call *c, struct http_refusal *x);
/* The client has gone before the reply. */
void call_cancel(struct call *c);

/* permit.c: may whoever signed do this operation, as far as the request tells? False: it has
 * replied. */
bool permit_operation(struct call *c);

/* The prefixes of the server's sets, as an array of texts. */
void api_prefixes(const struct http_request *r, struct jw *w);

/* Paths without a set of their own: health, readiness, version, and 404 for the rest. */
extern const struct api_set house_set;

#endif
