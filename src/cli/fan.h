/* SPDX-License-Identifier: Apache-2.0 */
/* fan.h - several requests at once, each on a connection of its own. */
#ifndef EVOKE_CLI_FAN_H
#define EVOKE_CLI_FAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct client;
struct client_request;
struct fan; /* opaque */

enum { FAN_PLACES = 1000 };

/* places: how many at once, 1 to FAN_PLACES. */
int fan_new(struct client *c, size_t places, struct fan **ret, struct err *e);
struct fan *fan_free(struct fan *f); /* what is under way is dropped */
void fan_freep(struct fan **f);      /* for cleanup_with() */

/* On a free place: it is on its way when this returns. What req points to stays until its answer;
 * user comes back with it. -EBUSY: every place is taken. */
int fan_start(struct fan *f, const struct client_request *req, void *user, struct err *e);
size_t fan_running(const struct fan *f);

struct fan_answer {
    void *user;
    int status; /* 200..299, or negative with err */
    struct err err;
    struct str body;    /* borrowed, as the headers: until the next call of fan_start() */
    uint64_t took_ns;   /* request sent to answer read, connecting left out */
    struct exchange *x; /* for exchange_header() */
};

/* From now on fan_next() also waits for this descriptor, also while nothing runs. */
void fan_wake_on(struct fan *f, int fd);

/* The next answer, of whatever place. 1: *ret; 0: none within timeout_ms, nothing runs, or the
 * descriptor is readable; -EINTR: Ctrl-C was seen (interrupt.h), which is said as long as it is. */
int fan_next(struct fan *f, int timeout_ms, struct fan_answer *ret);

#endif
