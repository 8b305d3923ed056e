/* SPDX-License-Identifier: Apache-2.0 */
/* zygote.h - the process that runtimes are forked from, made. Its life is launcher/zygote.c. */
#ifndef EVOKE_SANDBOX_ZYGOTE_H
#define EVOKE_SANDBOX_ZYGOTE_H

struct err;
struct sandbox_zygote;

/* template_ns, filter_fd: borrowed. A program that cannot be run ends at once, with a line in our
 * log: it is the same to the caller as one that dies later. */
int zygote_clone(int template_ns, int filter_fd, char *const *argv, struct sandbox_zygote *ret,
                 struct err *e);

#endif
