/* SPDX-License-Identifier: Apache-2.0 */
/*
 * launch_hear.c - what the launcher says: messages checked, matched to who asked, handed on. One we
 * do not understand ends the connection.
 */
#include "pool/launch_internal.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/obj.h"

static void on_hello(struct launch *la, const struct launch_hello *h)
{
    la->hello = *h;
    la->hello.note[LAUNCH_TEXT - 1] = 0;
    la->said_hello = true;
    if (la->on_hello)
        la->on_hello(la->on_hello_user, &la->hello);
    launch_push(la);
}

static int take_next(int **fds)
{
    int *fd = (*fds)++;

    return TAKE_FD(*fd);
}

static const char *on_started(struct launch *la, const struct launch_started *m, int *fds,
                              size_t nfds)
{
    struct launched *in = launched_by_id(la, m->id);
    struct launched_fds got = {.how = (enum launch_how)m->how};

    if (!in || in->started)
        return "STARTED for something we did not ask for";
    if (nfds != (size_t)STARTED_FDS + m->has_memory_peak + m->has_freezer + m->has_endpoint)
        return "STARTED with a wrong number of descriptors";
    if (m->how >= LAUNCH_HOWS)
        return "STARTED in a way we do not know";
    in->started = true;
    if (!in->ops)
        return NULL;
    got.channel = take_next(&fds);
    got.output = take_next(&fds);
    got.memory_peak = m->has_memory_peak ? take_next(&fds) : -EBADF;
    got.freezer = m->has_freezer ? take_next(&fds) : -EBADF;
    got.endpoint = m->has_endpoint ? take_next(&fds) : -EBADF;
    in->ops->on_started(in->user, &got);
    launched_fds_close(&got);
    return NULL;
}

void launched_fds_close(struct launched_fds *fds)
{
    fds->channel = fd_close(fds->channel);
    fds->output = fd_close(fds->output);
    fds->memory_peak = fd_close(fds->memory_peak);
    fds->freezer = fd_close(fds->freezer);
    fds->endpoint = fd_close(fds->endpoint);
}

static const char *on_refused(struct launch *la, struct launch_refused *m)
{
    struct launched *in = launched_by_id(la, m->id);

    if (!in || in->started)
        return "REFUSED for something we did not ask for";
    m->why[LAUNCH_TEXT - 1] = 0;
    launched_refused(in, m->code < 0 ? m->code : -EIO, m->why);
    return NULL;
}

static const char *on_exited(struct launch *la, const struct launch_exited *m)
{
    struct launched *in = launched_by_id(la, m->id);

    if (!in || !in->started)
        return "EXITED for something that was not started";
    launched_exited(in, m);
    return NULL;
}

/* The slots are every runtime's. */
static const char *on_stock(struct launch *la, const struct launch_stock *m)
{
    size_t i = 0;

    if (!m->runtime[0] || !memchr(m->runtime, 0, sizeof(m->runtime)))
        return "STOCK of no runtime";
    while (i < la->nstocks && strcmp(la->stocks[i].runtime, m->runtime) != 0)
        i++;
    if (i == LAUNCH_RUNTIMES)
        return "STOCK of too many runtimes";
    la->nstocks += i == la->nstocks;
    la->stocks[i] = *m;
    for (i = 0; i < la->nstocks; i++)
        la->stocks[i].slots = m->slots;
    return NULL;
}

/* What is wrong with the message, or NULL. Descriptors that are taken are set to -EBADF. */
static const char *take_message(struct launch *la, union launch_message *m, size_t n, int *fds,
                                size_t nfds)
{
    static const size_t sizes[] = {
            [LAUNCH_HELLO] = sizeof(struct launch_hello),
            [LAUNCH_STARTED] = sizeof(struct launch_started),
            [LAUNCH_REFUSED] = sizeof(struct launch_refused),
            [LAUNCH_EXITED] = sizeof(struct launch_exited),
            [LAUNCH_STOCK] = sizeof(struct launch_stock),
    };

    if (n < sizeof(m->type) || m->type >= ARRAY_LEN(sizes) || sizes[m->type] != n)
        return "a message of unknown type or size";
    if ((m->type == LAUNCH_HELLO) == la->said_hello)
        return "HELLO must come first, and once";
    if (m->type != LAUNCH_STARTED && nfds > 0)
        return "a message with descriptors where none belong";

    if (m->type == LAUNCH_HELLO)
        on_hello(la, &m->hello);
    else if (m->type == LAUNCH_STARTED)
        return on_started(la, &m->started, fds, nfds);
    else if (m->type == LAUNCH_REFUSED)
        return on_refused(la, &m->refused);
    else if (m->type == LAUNCH_STOCK)
        return on_stock(la, &m->stock);
    else
        return on_exited(la, &m->exited);
    return NULL;
}

void launch_read(struct launch *la)
{
    for (int i = 0; i < PER_TURN && la->sock >= 0; i++) {
        union launch_message m;
        int fds[IO_MAX_FDS];
        size_t nfds = IO_MAX_FDS;
        const char *wrong;
        ssize_t n = io_recv_fds(la->sock, &m, sizeof(m), fds, &nfds);

        if (n == -EAGAIN || n == -EINTR)
            return;
        if (n <= 0) {
            launch_lose(la, n == 0 ? "closed by the other end" : strerror((int)-n));
            return;
        }
        wrong = take_message(la, &m, (size_t)n, fds, nfds);
        for (size_t k = 0; k < nfds; k++)
            fds[k] = fd_close(fds[k]);
        if (wrong) {
            launch_lose(la, wrong);
            return;
        }
    }
}
