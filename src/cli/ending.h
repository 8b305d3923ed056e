/* SPDX-License-Identifier: Apache-2.0 */
/* ending.h - how runs end, in words for people: reason, next step, exit code. docs/admin-api.md */
#ifndef EVOKE_CLI_ENDING_H
#define EVOKE_CLI_ENDING_H

#include <stddef.h>

#include "base/str.h"

struct cJSON;
struct term;

struct ending {
    const char *name; /* as X-Evoke-Outcome says it */
    int exit_code;
    const char *reason, *next; /* "" for ok */
};

enum { ENDINGS = 12 };
extern const struct ending endings[ENDINGS]; /* the last one: the endpoint did not say */

const struct ending *ending_of(struct str outcome);

/* A function's error result, whatever its cloud's keys are: a line for each text in it. */
void ending_print_error(const struct term *t, const struct cJSON *error);
/* What a function wrote, under a title, ended by a line break; "(empty)" when it wrote nothing. */
void ending_print_log(const struct term *t, struct str log);

#endif
