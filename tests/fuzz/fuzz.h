/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz.h - what every fuzz target defines and uses. */
#ifndef EVOKE_TESTS_FUZZ_H
#define EVOKE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A property; unlike assert() it says so. */
#define holds(property)                                                                            \
    do {                                                                                           \
        if (!(property)) {                                                                         \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #property);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
