/* SPDX-License-Identifier: Apache-2.0 */
#include "kv_faulty.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "loop/loop.h"

struct call {
    struct kv_faulty *f;
    enum fault fault;
    unsigned turns;
    int r;
    uint64_t rev;
    kv_txn_fn *txn;
    kv_get_fn *get;
    kv_list_fn *list;
    void *user;
};

static int code_of(enum fault fault)
{
    switch (fault) {
    case FAULT_NONE:
        return 0;
    case FAULT_AGAIN:
        return -EAGAIN;
    case FAULT_LOST_REQUEST:
    case FAULT_LOST_ANSWER:
        return -EINPROGRESS;
    case FAULT_IO:
        return -EIO;
    }
    return 0;
}

static void answer(void *user)
{
    struct call *c = user;

    if (c->turns > 0) {
        c->turns--;
        loop_post(c->f->loop, answer, c);
        return;
    }
    if (c->txn)
        c->txn(c->user, c->r, c->r == 0 ? c->rev : 0);
    else if (c->get)
        c->get(c->user, c->r, NULL);
    else
        c->list(c->user, c->r, &(struct kv_page){0});
    free(c);
}

static void on_real_txn(void *user, int r, uint64_t rev)
{
    struct call *c = user;

    c->r = c->fault == FAULT_LOST_ANSWER ? -EINPROGRESS : r;
    c->rev = rev;
    answer(c);
}

static void faulty_txn(struct kv *kv, const struct kv_txn *txn, kv_txn_fn *fn, void *user)
{
    struct kv_faulty *f = (struct kv_faulty *)kv;
    struct call *c = xnew(struct call);

    f->txns++;
    *c = (struct call){.f = f, .turns = f->delay_turns, .txn = fn, .user = user};
    if (f->txn_after > 0)
        f->txn_after--;
    else if (f->txn_times > 0 && f->txn_times--)
        c->fault = f->txn_fault;
    if (c->fault == FAULT_NONE || c->fault == FAULT_LOST_ANSWER) {
        kv_txn(f->real, txn, on_real_txn, c);
    } else {
        c->r = code_of(c->fault);
        loop_post(f->loop, answer, c);
    }
}

static void fail_read(struct kv_faulty *f, kv_get_fn *get, kv_list_fn *list, void *user)
{
    struct call *c = xnew(struct call);

    *c = (struct call){.f = f, .r = code_of(f->read_fault), .get = get, .list = list, .user = user};
    f->read_times--;
    loop_post(f->loop, answer, c);
}

static void faulty_get(struct kv *kv, struct str key, uint64_t deadline_ns, kv_get_fn *fn,
                       void *user)
{
    struct kv_faulty *f = (struct kv_faulty *)kv;

    if (f->read_times > 0)
        fail_read(f, fn, NULL, user);
    else
        kv_get(f->real, key, deadline_ns, fn, user);
}

static void faulty_list(struct kv *kv, const struct kv_range *range, kv_list_fn *fn, void *user)
{
    struct kv_faulty *f = (struct kv_faulty *)kv;

    if (f->read_times > 0)
        fail_read(f, NULL, fn, user);
    else
        kv_list(f->real, range, fn, user);
}

static struct kv_watch *faulty_watch(struct kv *kv, struct str prefix, uint64_t from_rev,
                                     kv_watch_fn *fn, void *user)
{
    return kv_watch(((struct kv_faulty *)kv)->real, prefix, from_rev, fn, user);
}

static void faulty_close(struct kv *kv)
{
    (void)kv; /* the real one is its owner's */
}

void kv_faulty_init(struct kv_faulty *f, struct loop *l, struct kv *real)
{
    static const struct kv_ops ops = {faulty_get, faulty_list, faulty_txn, faulty_watch,
                                      faulty_close};

    *f = (struct kv_faulty){.kv = {&ops}, .real = real, .loop = l};
}
