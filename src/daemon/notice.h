/* SPDX-License-Identifier: Apache-2.0 */
/* notice.h - what an operator is told at start-up: keys made, limits in force. */
#ifndef EVOKE_DAEMON_NOTICE_H
#define EVOKE_DAEMON_NOTICE_H

struct key;
struct launch_hello;

void notice_keys(struct key root,
                 const char *data_dir); /* to stderr, once in an installation's life */
void notice_enforced(void *user, const struct launch_hello *h);

#endif
