/* SPDX-License-Identifier: Apache-2.0 */
/* zone.h - what the clocks of a place show: IANA zones from the system's files (RFC 8536). */
#ifndef EVOKE_SCHEDULE_ZONE_H
#define EVOKE_SCHEDULE_ZONE_H

#include <stdint.h>

#include "base/str.h"

struct err;
struct zone; /* opaque, immutable */

enum {
    ZONE_NAME = 64,
    ZONE_FILE = 64 << 10,  /* bytes; the largest there is has some 4 KiB */
    OFFSET_LEAST = -89999, /* RFC 8536 section 3.2: more than -25 hours, */
    OFFSET_MOST = 93599,   /* less than 26 */
};

/* From TZDIR, else /usr/share/zoneinfo; "UTC" needs no file. -ENOENT with a sentence: no such zone. */
int zone_load(struct str name, struct zone **ret, struct err *e);
/* The bytes of a file. -EINVAL: they are not what RFC 8536 says. */
int zone_parse(struct str tzif, struct zone **ret);
struct zone *zone_free(struct zone *z);

/* A stretch of time in which the clocks are left alone: [from, until), Unix time in s. */
struct zone_span {
    int64_t from, until;    /* INT64_MIN, INT64_MAX: open */
    int32_t offset, before; /* seconds east of UTC; before: until `from` */
};
struct zone_span zone_at(const struct zone *z, int64_t s);

#endif
