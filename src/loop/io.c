/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.c - one watched descriptor. Reading and writing stay with the owner.
 *
 * libuv reports an error condition (EPOLLERR) once and stops watching. We say "readable" then, so
 * that the owner's read(2) finds the error; `want` is forgotten, so that an owner who goes on all
 * the same can ask again.
 */
#include "loop/internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"

enum { IO_MAGIC = 0x4c4f494f };

struct loop_io {
    uint32_t magic;
    unsigned want; /* what libuv watches at the moment */
    struct loop *loop;
    loop_io_fn *fn;
    void *user; /* borrowed */
    uv_poll_t poll;
};

static_assert((int)LOOP_READ == (int)UV_READABLE, "passed through unchanged");
static_assert((int)LOOP_WRITE == (int)UV_WRITABLE, "passed through unchanged");

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct loop_io *io = OBJ(h->data, struct loop_io, IO_MAGIC);

    if (status < 0) {
        io->want = 0;
        io->fn(io->user, LOOP_READ);
    } else if (events) {
        io->fn(io->user, (unsigned)events & (LOOP_READ | LOOP_WRITE));
    }
}

struct loop_io *loop_io_new(struct loop *l, int fd, loop_io_fn *fn, void *user)
{
    struct loop_io *io = xnew(struct loop_io);

    io->magic = IO_MAGIC;
    io->loop = l;
    io->fn = fn;
    io->user = user;
    loop_must(uv_poll_init(&l->uv, &io->poll, fd), "watch a descriptor");
    io->poll.data = io;
    l->sources++;
    return io;
}

void loop_io_want(struct loop_io *io, unsigned what)
{
    if (io->want == what)
        return;
    io->want = what;
    if (what)
        loop_must(uv_poll_start(&io->poll, (int)what, on_poll), "watch a descriptor");
    else
        uv_poll_stop(&io->poll);
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

struct loop_io *loop_io_free(struct loop_io *io)
{
    if (!io)
        return NULL;
    assert(io->magic == IO_MAGIC);
    io->magic = 0;
    io->loop->sources--;
    uv_close((uv_handle_t *)&io->poll, on_closed);
    return NULL;
}
