/* SPDX-License-Identifier: Apache-2.0 */
/* object.h - what actions tell of functions, versions and aliases. */
#ifndef EVOKE_DIALECT_SCF_OBJECT_H
#define EVOKE_DIALECT_SCF_OBJECT_H

#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

struct cJSON;
struct call;
struct fn;
struct jw;

/* "2024-12-17 17:52:48", as clocks show it where the daemon runs. */
const char *scf_time(int64_t ms, char out[CLOCK_TEXT]);
int scf_parse_time(struct str text, int64_t *ret); /* 0 or -EINVAL */

struct str scf_version_of(const struct fn *f); /* "$LATEST" or its name */

/* The members of GetFunction but for Triggers, CodeInfo; those of ListFunctions. */
void scf_put_function(struct jw *w, const struct call *c, const struct fn *f);
void scf_put_summary(struct jw *w, const struct call *c, const struct fn *f);
/* A kept member of the record, or what it is without one (JSON). */
void scf_put_kept(struct jw *w, const struct cJSON *extra, const char *name, const char *absent);

#endif
