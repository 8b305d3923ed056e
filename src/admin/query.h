/* SPDX-License-Identifier: Apache-2.0 */
/* query.h - what requests of this API ask for, whatever the operation. */
#ifndef EVOKE_ADMIN_QUERY_H
#define EVOKE_ADMIN_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct call;
struct err;
struct fn_key;

enum { ADMIN_FUNCTION_TEXT = 2048, ADMIN_PATH_TEXT = 3 * ADMIN_FUNCTION_TEXT };

/* "dialect/account/region/space/name", its parts percent-encoded where they need it -> the path of
 * that function (fn_key_path). -EINVAL: it is no whole key. */
int admin_query_path(struct str text, struct buf *path, struct err *e);
/* The parameter `function`: path stays empty where it is not given. False: it has replied. */
bool admin_query_function(struct call *c, struct buf *path);
/* *ret stays where the parameter is not given. False: it has replied. */
bool admin_query_number(struct call *c, const char *name, uint64_t min, uint64_t max,
                        uint64_t *ret);
/* p NULL where it is not given. False: it has replied. */
bool admin_query_text(struct call *c, const char *name, size_t max, struct str *ret);

/* May a key of this account (and dialect; "": any) know of the function with this path? Nothing
 * but functions has an account: other queues and logs are for keys without one. */
bool admin_sees_path(const char *account, const char *dialect, struct str path);
/* The function a request names, if it names one, is one the key may know of. False: it has replied. */
bool admin_permit_path(struct call *c, struct str path);

#endif
