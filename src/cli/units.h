/* SPDX-License-Identifier: Apache-2.0 */
/* units.h - quantities for people: three digits, the unit that fits. */
#ifndef EVOKE_CLI_UNITS_H
#define EVOKE_CLI_UNITS_H

#include <stdint.h>

enum { UNITS_TEXT = 32 };

const char *units_bytes(uint64_t n, char out[UNITS_TEXT]);  /* "312 B", "1.25 KiB", "14.2 MiB" */
const char *units_time(uint64_t ns, char out[UNITS_TEXT]);  /* "85 us", "1.25 ms", "14.2 s" */
const char *units_number(uint64_t n, char out[UNITS_TEXT]); /* "1 234 567" */

#endif
