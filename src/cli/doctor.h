/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h - what a host must have and should have, one row a check. */
#ifndef EVOKE_CLI_DOCTOR_H
#define EVOKE_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>

struct common;
struct options;

enum doctor_level {
    DOCTOR_OK,
    DOCTOR_LESS,    /* evoke runs, something is not enforced or not there */
    DOCTOR_MISSING, /* evoke does not run well without it */
};

enum { DOCTOR_TEXT = 512 };

/* What a probe found. */
struct finding {
    enum doctor_level level;
    char found[DOCTOR_TEXT]; /* what there is */
    char next[DOCTOR_TEXT]; /* what to install or set; "" where the row's is right, or nothing is */
};

/* What probes may look at; all borrowed. */
struct doctor {
    const struct common *common;
    const struct options *options; /* as `evoke serve` would see them */
    bool root;
};

struct check {
    const char *name;
    const char *why;  /* it matters: shown when it is not OK */
    const char *next; /* what to install or set */
    void (*probe)(const struct doctor *d, struct finding *f);
};

struct check_table {
    const struct check *checks;
    size_t n;
};

extern const struct check_table doctor_kernel; /* doctor_kernel.c: what the sandbox is made of */
extern const struct check_table doctor_host; /* doctor_host.c: interpreters, disk, clock, daemon */

void finding_set(struct finding *f, enum doctor_level level, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
void finding_next(struct finding *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
