/* SPDX-License-Identifier: Apache-2.0 */
/* signal.c - signals of this process as ordinary callbacks. Several loops may watch the same one.
 */
#include "loop/internal.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"

enum { SIGNAL_MAGIC = 0x4c4f5347 };

struct loop_signal {
    uint32_t magic;
    struct loop *loop;
    loop_fn *fn;
    void *user; /* borrowed */
    uv_signal_t signal;
};

static void on_signal(uv_signal_t *h, int signo)
{
    struct loop_signal *s = OBJ(h->data, struct loop_signal, SIGNAL_MAGIC);

    (void)signo;
    s->fn(s->user);
}

struct loop_signal *loop_signal_new(struct loop *l, int signo, loop_fn *fn, void *user)
{
    struct loop_signal *s = xnew(struct loop_signal);

    s->magic = SIGNAL_MAGIC;
    s->loop = l;
    s->fn = fn;
    s->user = user;
    loop_must(uv_signal_init(&l->uv, &s->signal), "watch a signal");
    s->signal.data = s;
    loop_must(uv_signal_start(&s->signal, on_signal, signo), "watch a signal");
    l->sources++;
    return s;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

struct loop_signal *loop_signal_free(struct loop_signal *s)
{
    if (!s)
        return NULL;
    assert(s->magic == SIGNAL_MAGIC);
    s->magic = 0;
    s->loop->sources--;
    uv_close((uv_handle_t *)&s->signal, on_closed);
    return NULL;
}
