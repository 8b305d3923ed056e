/* SPDX-License-Identifier: Apache-2.0 */
/* pattern.h - paths and the patterns of APIs, "/users/{id}/{rest+}", segment by segment. */
#ifndef EVOKE_GATEWAY_MODEL_PATTERN_H
#define EVOKE_GATEWAY_MODEL_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena;
struct err;

enum { GW_PATTERN = 512, GW_SEGMENTS = 64, GW_CAPTURES = 32 };

/* 0, or -EINVAL with a sentence: what is wrong with it. */
int gw_pattern_check(struct str pattern, struct err *e);

/* A path, taken apart. */
struct gw_segments {
    struct str at[GW_SEGMENTS]; /* decoded */
    size_t from[GW_SEGMENTS];   /* where each begins in the raw path */
    size_t n;
    bool more; /* there are more than fit */
};
/* Texts lie in the raw path, or in space. -EINVAL: malformed escape, NUL, no UTF-8, or "." and ".."
 * segments (also encoded); -ENOMEM: space is full. */
int gw_segments_of(struct str path, struct arena *space, struct gw_segments *ret);
/* One segment, or several: "%2F" becomes a '/' like any other. -EINVAL: malformed; -ENOMEM. */
int gw_segment_decode(struct str raw, struct arena *space, struct str *ret);

/* Of a pattern's segment: "{name}" or "{name+}"; "{name+}", which takes the rest. */
bool gw_is_capture(struct str segment);
bool gw_is_rest(struct str segment);
struct str gw_capture_name(struct str segment); /* "{name}", "{name+}" -> name */

#endif
