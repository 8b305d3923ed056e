/* SPDX-License-Identifier: Apache-2.0 */
/* schedule_of.h - a timer as people say it, in the words of its function's cloud. */
#ifndef EVOKE_CLI_SCHEDULE_OF_H
#define EVOKE_CLI_SCHEDULE_OF_H

#include "base/str.h"

struct cJSON;
struct err;

/* As said on the command line, or in a manifest; p NULL: not said. One of cron, rate and every. */
struct timer_words {
    struct str cron, rate, every, zone, missed, payload;
};

/* The trigger's config for the admin API, as members of config. dialect: of the function, "fc".
 * -EINVAL: none or two of the three; -EINVAL: this cloud has no such schedule. */
int schedule_of(const struct timer_words *w, struct str dialect, struct cJSON *config,
                struct err *e);

#endif
