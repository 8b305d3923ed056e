/* SPDX-License-Identifier: Apache-2.0 */
/* async.h - how the asynchronous events of a function are delivered: part of its record. */
#ifndef EVOKE_FN_ASYNC_H
#define EVOKE_FN_ASYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct cJSON;
struct err;
struct jw;

/* Where the record of an ended event goes. */
enum fn_target {
    FN_TARGET_NONE,
    FN_TARGET_FUNCTION, /* to: key path of a function (fn_key_path), "!alias" or ":version" behind */
    FN_TARGET_HTTP,     /* to: http or https URL; CloudEvents 1.0 */
    FN_TARGETS,
};
extern const char *const fn_target_names[FN_TARGETS]; /* "none", "function", "http" */

struct fn_destination {
    enum fn_target kind;
    char *to;    /* NULL: none */
    char *extra; /* JSON text: the dialect's own form, given back as it came; NULL: none */
};

enum { FN_TARGET_TO = 2048 };

/* An http or https URL with a host in it and nothing that is no character of a URL. */
bool fn_target_is_url(struct str url);

/* Of a function that has none of its own, the dialect's shape says (shape->retry). */
struct fn_async {
    uint32_t max_age_s;
    uint32_t max_retries; /* tries = 1 + this */
    struct fn_destination on_success, on_failure;
    bool status_log; /* kept and given back */
    int64_t created_ms, modified_ms;
};

struct fn_async *fn_async_copy(const struct fn_async *a); /* NULL stays NULL */
struct fn_async *fn_async_free(struct fn_async *a);
/* As a value of the record's JSON. */
void fn_async_encode(const struct fn_async *a, struct jw *w);
int fn_async_decode(const struct cJSON *json, struct fn_async **ret, struct err *e);

#endif
