/* SPDX-License-Identifier: Apache-2.0 */
/*
 * outbox.c - the launcher never waits for the daemon.
 *
 * A daemon that is busy for a moment while 300 instances end would fill its socket's buffer; that
 * is no reason to kill the rest. So what does not fit is kept, in order, and sent when epoll says
 * so. A daemon that does not read for long is the launcher's affair (serve.c).
 */
#include "launcher/outbox.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "launcher/proto.h"

struct letter {
    struct list node;
    union launch_message message;
    size_t n;
    int fds[OUTBOX_FDS]; /* owned */
    size_t nfds;
};

void outbox_init(struct outbox *o)
{
    list_init(&o->letters);
    o->stuck_since_ns = 0;
}

bool outbox_empty(const struct outbox *o)
{
    return list_empty(&o->letters);
}

static void close_all(const int *fds, size_t nfds)
{
    for (size_t i = 0; i < nfds; i++)
        fd_close(fds[i]);
}

static void letter_free(struct letter *l)
{
    list_remove(&l->node);
    close_all(l->fds, l->nfds);
    free(l);
}

void outbox_done(struct outbox *o)
{
    list_each (node, &o->letters) {
        letter_free(container_of(node, struct letter, node));
    }
}

static void keep(struct outbox *o, const void *message, size_t n, const int *fds, size_t nfds)
{
    struct letter *l = xnew(struct letter);

    memcpy(&l->message, message, n);
    l->n = n;
    if (nfds > 0)
        memcpy(l->fds, fds, nfds * sizeof *fds);
    l->nfds = nfds;
    if (list_empty(&o->letters))
        o->stuck_since_ns = clock_mono_ns();
    list_init(&l->node);
    list_push_back(&o->letters, &l->node);
}

int outbox_send(struct outbox *o, int sock, const void *message, size_t n, const int *fds,
                size_t nfds)
{
    int r = -EAGAIN;

    assert(n <= sizeof(union launch_message) && nfds <= OUTBOX_FDS);
    if (list_empty(&o->letters))
        r = io_send_fds(sock, message, n, fds, nfds);
    if (r == -EAGAIN) {
        keep(o, message, n, fds, nfds);
        return 0;
    }
    close_all(fds, nfds);
    return r;
}

int outbox_flush(struct outbox *o, int sock)
{
    list_each (node, &o->letters) {
        struct letter *l = container_of(node, struct letter, node);
        int r = io_send_fds(sock, &l->message, l->n, l->fds, l->nfds);

        if (r == -EAGAIN)
            return 0;
        if (r < 0)
            return r;
        letter_free(l);
        o->stuck_since_ns = clock_mono_ns();
    }
    return 0;
}
