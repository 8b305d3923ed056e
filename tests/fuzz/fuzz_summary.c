/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_summary.c - what a worker says in END. The scan without a tree takes nothing that JSON does
 * not, and reads the same values out of it.
 */
#include <cjson/cJSON.h>

#include "base/json.h"
#include "fuzz.h"
#include "pool/internal.h"

static bool as_json(struct str text, uint64_t *peak, bool *handled)
{
    struct cJSON *tree = json_parse(text, NULL);
    int64_t bytes = 0;
    bool good = tree && json_int(tree, "peak_bytes", false, 0, INT64_MAX, &bytes, NULL) == 0 &&
                json_bool(tree, "handled", false, handled, NULL) == 0;

    *peak = (uint64_t)bytes;
    json_free(tree);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    uint64_t peak = 0, peak_again = 0;
    bool handled = false, handled_again = false, good;

    good = inst_read_summary(text, &peak, &handled);
    if (n == 0) {
        holds(good && peak == 0 && !handled);
        return 0;
    }
    /* A tree holds doubles, which are exact up to here: 8 PiB. */
    if (good && peak >= 1ull << 53)
        return 0;
    holds(good == as_json(text, &peak_again, &handled_again));
    holds(!good || (peak == peak_again && handled == handled_again));
    return 0;
}
