/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - one failure, described once, in the words of the person who must act on it. */
#ifndef EVOKE_BASE_ERR_H
#define EVOKE_BASE_ERR_H

/*
 * Functions return 0 or more on success and a negative errno on failure. One whose failure a person
 * will read takes a `struct err *` as last parameter; NULL is allowed everywhere. The struct lives
 * on the caller's stack, so reporting never allocates.
 */
enum err_kind {
    ERR_NONE,
    ERR_CALLER,   /* the request or manifest is wrong      -> HTTP 400, exit 2  */
    ERR_LIMIT,    /* a quota, size or deadline said no     -> HTTP 429, exit 5  */
    ERR_FUNCTION, /* the user's code failed or died        -> HTTP 502, exit 1  */
    ERR_HOST,     /* kernel, disk or network said no       -> HTTP 503, exit 70 */
};

struct err {
    int code;           /* negative errno; 0 while nothing failed */
    enum err_kind kind; /* who has to act */
    char msg[256];      /* outermost context first, no full stop; cut when longer */
};

/* Fill e (code is a negative errno) and return code. */
int err_set(struct err *e, enum err_kind kind, int code, const char *fmt, ...)
        __attribute__((format(printf, 4, 5)));
/* The same for a failed system call: code = -errno, kind ERR_HOST, "...: <strerror>" appended. */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Put "<context>: " in front of what e already says; returns r. Fills e when it was empty. */
int err_wrap(struct err *e, int r, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
