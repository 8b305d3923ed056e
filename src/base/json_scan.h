/* SPDX-License-Identifier: Apache-2.0 */
/* json_scan.h - the strict scan with a reason; shared inside base/, not for other rooms. */
#ifndef EVOKE_BASE_JSON_SCAN_H
#define EVOKE_BASE_JSON_SCAN_H

#include "base/str.h"

enum { JSON_DEPTH = 128 };

/* NULL for exactly one well-formed value, else what is wrong and the byte where. */
const char *json_scan(struct str text, size_t *ret_offset);

#endif
