/* SPDX-License-Identifier: Apache-2.0 */
/* find.h - what a request says under a name: in its cookies, in its query. */
#ifndef EVOKE_HTTP_FIND_H
#define EVOKE_HTTP_FIND_H

#include "base/str.h"

struct http_request;

/* The first of that name; STR_NONE: there is none. Of the query, decoded (in the request's arena). */
struct str http_cookie(const struct http_request *r, struct str name);
struct str http_query(const struct http_request *r, struct str name);

#endif
