/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_summary.c - what a worker says in END. The scan without a tree takes nothing that JSON does
 * not, and reads the same values out of it.
 */
#include <cjson/cJSON.h>

#include "base/json.h"
#include "fuzz.h"
#include "pool/internal.h"

static bool as_json(struct str text, struct summary *ret)
{
    struct cJSON *tree = json_parse(text, NULL);
    int64_t peak = 0, cpu = 0;
    bool good = tree && json_int(tree, "peak_bytes", false, 0, INT64_MAX, &peak, NULL) == 0 &&
                json_int(tree, "cpu_us", false, 0, SUMMARY_CPU_US, &cpu, NULL) == 0 &&
                json_bool(tree, "handled", false, &ret->handled, NULL) == 0;

    ret->peak_bytes = (uint64_t)peak;
    ret->cpu_us = (uint64_t)cpu;
    json_free(tree);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct summary told, again = {0};
    bool good = inst_read_summary(text, &told);

    if (n == 0) {
        holds(good && told.peak_bytes == 0 && told.cpu_us == 0 && !told.handled);
        return 0;
    }
    /* A tree holds doubles, which are exact up to here: 8 PiB. */
    if (good && told.peak_bytes >= 1ull << 53)
        return 0;
    holds(good == as_json(text, &again));
    if (!good)
        return 0;
    holds(told.cpu_us <= SUMMARY_CPU_US);
    holds(told.peak_bytes == again.peak_bytes && told.cpu_us == again.cpu_us);
    holds(told.handled == again.handled);
    return 0;
}
