/* SPDX-License-Identifier: Apache-2.0 */
/* when.h - points in time as people write them. */
#ifndef EVOKE_CLI_WHEN_H
#define EVOKE_CLI_WHEN_H

#include <stdint.h>

struct err;

/*
 * "10m", "1h30m" or "90" (seconds): that long before now_ms; "2026-11-22", "2026-11-22 10:00",
 * "2026-11-22T10:00:00.250", local time; with "Z" or "+08:00" behind it, that zone's. 0, or
 * -EINVAL with a sentence that names the option.
 */
int when_parse(const char *option, const char *text, int64_t now_ms, int64_t *ret_ms,
               struct err *e);

#endif
