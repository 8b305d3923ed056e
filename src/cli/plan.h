/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - what a deployment changes: two records of a function side by side. */
#ifndef EVOKE_CLI_PLAN_H
#define EVOKE_CLI_PLAN_H

#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/str.h"

struct cJSON;

/* Code as it will be: what the record after a dry run does not know. sha NULL: as the record says. */
struct plan_code {
    const char *sha;
    uint64_t size;
};

/*
 * An array of {"setting","before","after"}: settings whose values differ, "environment.NAME" for
 * each variable, "code" as size and beginning of its hash. Values are texts; null: it is not there.
 * What looks like a secret shows as "***". before NULL: the function is new, there is nothing to
 * compare.
 */
struct cJSON *plan_changes(const struct cJSON *before, const struct cJSON *after,
                           const struct plan_code *code);

/* A line each, indented; names aligned. */
void plan_print(const struct cJSON *changes, struct buf *out);

/* A variable whose value is nobody's business, by its name or by a password in a URL. */
bool plan_is_secret(struct str name, struct str value);

#endif
