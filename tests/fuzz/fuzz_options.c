/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_options.c - the configuration file. Every fault has a sentence; a file without one gives
 * values that are accepted again as flags, and as lines of a reload.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "conf/options.h"
#include "fuzz.h"

enum { MAX_INPUT = 16 * 1024 };

static int faults;

static void on_fault(void *user, const struct options_fault *f)
{
    (void)user;
    holds(f->message[0]);
    faults++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct options o = {0}, again = {0};
    int r;

    if (n > MAX_INPUT)
        return 0;
    faults = 0;
    r = options_read(&o, text, on_fault, NULL);
    holds((r < 0) == (faults > 0));
    for (size_t i = 0; r >= 0 && options_at(i); i++) {
        cleanup_free char *value = options_value(&o, options_at(i));
        struct err e = {0};

        if (!value || (options_at(i)->type == OPT_INT && str_eq(str_of(value), S("0"))))
            continue; /* not set */
        holds(options_set(&again, options_at(i), options_at(i)->name, str_of(value), &e) == 0);
    }
    options_done(&o);
    options_done(&again);
    return 0;
}
