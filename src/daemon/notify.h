/* SPDX-License-Identifier: Apache-2.0 */
/*
 * notify.h - what the keeper tells the service manager, over the socket $NOTIFY_SOCKET names
 * (sd_notify(3), "Notes": a datagram of lines VARIABLE=VALUE). Without one nothing is sent.
 */
#ifndef EVOKE_DAEMON_NOTIFY_H
#define EVOKE_DAEMON_NOTIFY_H

#include <stdint.h>

struct notify {
    int fd;               /* owned; -EBADF: nobody listens */
    uint32_t watchdog_ms; /* 0: none wanted; else it must hear from us within this time */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and removes them from the environment: they
 * are not for our children. A socket that cannot be reached is warned of, once. */
void notify_open(struct notify *n);
void notify_close(struct notify *n);
/* Lines separated by '\n': "READY=1\nSTATUS=...". Never blocks; what the manager does not take is
 * lost. */
void notify_send(const struct notify *n, const char *fmt, ...)
        __attribute__((format(printf, 2, 3)));

#endif
