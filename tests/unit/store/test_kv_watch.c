/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of kv.h: what changed since; listings at a revision, and watches. */
#include <errno.h>

#include "base/obj.h"
#include "kv_backends.h"

static int put_del(struct fix *f, const char *key, uint64_t *ret_rev)
{
    struct kv_op op = {.del = true, .key = str_of(key)};

    return txn(f->loop, f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, ret_rev);
}

static int list_at(struct fix *f, const char *prefix, const char *after, uint64_t at_rev)
{
    return list_range(
            f->loop, f->kv,
            &(struct kv_range){
                    .prefix = str_of(prefix), .after = str_of(after), .limit = 2, .at_rev = at_rev},
            &f->a);
}

/* n txns that put these keys, all handed in at once. */
static void put_many(struct fix *f, const struct kv_op *ops, uint32_t nops, uint32_t n)
{
    struct answer *all = xcalloc(n, sizeof(*all));

    for (uint32_t i = 0; i < n; i++)
        kv_txn(f->kv, &(struct kv_txn){.ops = ops, .nops = nops}, on_txn, &all[i]);
    for (uint32_t i = 0; i < n; i++) {
        loop_run_until(f->loop, &all[i].done);
        assert_int_equal(all[i].r, 0);
    }
    free(all);
}

static void put_others(struct fix *f, uint32_t n)
{
    put_many(f, &(struct kv_op){.key = S("other")}, 1, n);
}

static void a_page_tells_its_revision_and_the_next_is_of_the_same_state(void **state)
{
    struct fix *f = *state;

    assert_int_equal(list_at(f, "p/", "", 0), 0);
    assert_int_equal(f->a.rev, 0);
    for (int i = 0; i < 5; i++) {
        char key[8];

        snprintf(key, sizeof(key), "p/%d", i);
        assert_int_equal(put1(f, key, "", NULL), 0);
    }
    assert_int_equal(list_at(f, "p/", "", 0), 0);
    assert_int_equal(f->a.rev, 5);
    assert_int_equal(put1(f, "q", "", NULL), 0); /* another prefix */
    assert_int_equal(list_at(f, "p/", "p/1", 5), 0);
    assert_int_equal(f->a.n, 2);
    assert_int_equal(f->a.rev, 6);
    assert_int_equal(put1(f, "p/0", "", NULL), 0); /* also what was listed already */
    assert_int_equal(list_at(f, "p/", "p/3", 6), -ESTALE);
    assert_int_equal(f->a.n, 0);
    assert_int_equal(list_at(f, "p/", "p/3", 5), -ESTALE);
    assert_int_equal(list_at(f, "p/", "p/3", 7), 0);
    assert_int_equal(f->a.n, 1);
}

static void puts_deletions_and_else_operations_are_changes_and_refusals_are_not(void **state)
{
    struct fix *f = *state;
    struct kv_compare never = {S("p/a"), 99};
    struct kv_op op = {.key = S("p/a")};
    struct kv_txn t = {.compares = &never, .ncompares = 1, .ops = &op, .nops = 1};

    assert_int_equal(put1(f, "p/a", "", NULL), 0);
    assert_int_equal(txn(f->loop, f->kv, &t, NULL), -ESTALE);
    assert_int_equal(list_at(f, "p/", "", 1), 0);
    assert_int_equal(put_del(f, "p/a", NULL), 0);
    assert_int_equal(list_at(f, "p/", "", 1), -ESTALE);
    assert_int_equal(list_at(f, "p/", "", 2), 0);
    t.else_ops = &op;
    t.nelse_ops = 1;
    assert_int_equal(txn(f->loop, f->kv, &t, NULL), -ESTALE);
    assert_int_equal(list_at(f, "p/", "", 2), -ESTALE);
    assert_int_equal(list_at(f, "p/", "", 3), 0);
}

static void a_revision_not_reached_yet_is_no_past_to_list_or_watch_from(void **state)
{
    struct fix *f = *state;
    struct heard *now, *later, *never;

    assert_int_equal(put1(f, "k", "", NULL), 0);
    assert_int_equal(list_at(f, "k", "", 1), 0);
    assert_int_equal(list_at(f, "k", "", 2), -ESTALE);
    assert_int_equal(list_at(f, "k", "", UINT64_MAX), -ESTALE);
    now = hear(f->kv, "k", 1);
    later = hear(f->kv, "k", 2);
    never = hear(f->kv, "k", UINT64_MAX);
    assert_int_equal(put1(f, "k", "", NULL), 0);
    assert_string_equal(heard(f->loop, now, 2), " 2 +k");
    heard(f->loop, later, 3);
    heard(f->loop, never, 3);
    assert_true(later->end == -ESTALE && later->calls == 1);
    assert_true(never->end == -ESTALE && never->calls == 1);
    heard_free(now);
    heard_free(later);
    heard_free(never);
}

/* Revision 1 is the oldest one that can be asked for, or just not any more. */
static void check_reach(struct fix *f, bool reached)
{
    struct heard *h = hear(f->kv, "p", 1);
    uint64_t rev;

    assert_int_equal(list_at(f, "p", "", 1), reached ? 0 : -ESTALE);
    assert_int_equal(list_at(f, "p", "", 2), 0);
    assert_int_equal(put1(f, "p", "", &rev), 0);
    heard(f->loop, h, rev);
    assert_int_equal(h->end, reached ? 0 : -ESTALE);
    assert_int_equal(h->calls, 1);
    heard_free(h);
}

static void history_reaches_back_its_number_of_txns_and_no_further(void **state)
{
    struct fix *f = *state;

    assert_int_equal(put1(f, "p", "", NULL), 0);
    put_others(f, KV_HISTORY);
    assert_int_equal(list_at(f, "p", "", 1), 0);
    put_others(f, 1);
    check_reach(f, false);
}

static void a_watch_from_the_oldest_revision_hears_all(void **state)
{
    struct fix *f = *state;
    struct heard *h;

    put_others(f, 1);
    put_others(f, KV_HISTORY);
    h = hear(f->kv, "other", 1);
    assert_true(h->calls == 0);
    heard(f->loop, h, KV_HISTORY + 1);
    assert_int_equal(h->calls, KV_HISTORY);
    assert_int_equal(h->end, 0);
    heard_free(h);
}

static void history_is_bounded_in_bytes_too(void **state)
{
    struct fix *f = *state;
    enum { LONG = 1000, FIT = KV_HISTORY_BYTES / (KV_OPS * (LONG + 3)) };
    char *keys = xcalloc(KV_OPS, LONG);
    struct kv_op ops[KV_OPS];

    for (uint32_t i = 0; i < KV_OPS; i++) {
        memset(keys + (size_t)i * LONG, 'x', LONG);
        memcpy(keys + (size_t)i * LONG + 1, &i, sizeof(i));
        ops[i] = (struct kv_op){.key = {keys + (size_t)i * LONG, LONG}};
    }
    assert_int_equal(put1(f, "p", "", NULL), 0);
    put_many(f, ops, KV_OPS, FIT);
    assert_int_equal(list_at(f, "p", "", 1), 0);
    put_many(f, ops, KV_OPS, 1);
    check_reach(f, false);
    free(keys);
}

static void a_watch_tells_each_txn_under_its_prefix_once_and_in_order(void **state)
{
    struct fix *f = *state;
    struct kv_op ops[] = {{.key = S("p/b")},
                          {.del = true, .key = S("p/a")},
                          {.key = S("q")},
                          {.key = S("p/c")},
                          {.del = true, .key = S("p/b")}};
    struct heard *h = hear(f->kv, "p/", 0);

    assert_int_equal(h->calls, 0);
    assert_int_equal(put1(f, "p/a", "", NULL), 0);
    assert_int_equal(put1(f, "q", "", NULL), 0);
    assert_int_equal(txn(f->loop, f->kv, &(struct kv_txn){.ops = ops, .nops = 5}, NULL), 0);
    assert_int_equal(txn(f->loop, f->kv, &(struct kv_txn){0}, NULL), 0); /* of nothing */
    assert_int_equal(put_del(f, "p/none", NULL), 0);
    assert_string_equal(heard(f->loop, h, 5), " 1 +p/a 3 -p/a +p/c -p/b 5 -p/none");
    heard_free(h);
}

static void a_watch_from_a_listing_goes_on_where_it_ended(void **state)
{
    struct fix *f = *state;
    struct heard *h, *all;

    assert_int_equal(put1(f, "k1", "", NULL), 0);
    assert_int_equal(put1(f, "k2", "", NULL), 0);
    assert_int_equal(list_at(f, "k", "", 0), 0);
    assert_int_equal(put1(f, "k3", "", NULL), 0);
    h = hear(f->kv, "k", f->a.rev);
    all = hear(f->kv, "", 0);
    assert_int_equal(put1(f, "k4", "", NULL), 0);
    assert_string_equal(heard(f->loop, h, 4), " 3 +k3 4 +k4");
    assert_string_equal(heard(f->loop, all, 4), " 1 +k1 2 +k2 3 +k3 4 +k4");
    heard_free(h);
    heard_free(all);
}

enum { CROWD = 3000, EARS = 20 };

/* More watches and more txns than one message moves, started in the middle of it all. */
static void many_watches_and_many_txns_leave_no_gap(void **state)
{
    struct fix *f = *state;
    struct answer *all = xcalloc(CROWD, sizeof(*all));
    struct heard *ears[EARS];

    for (uint32_t i = 0; i < CROWD; i++) {
        struct kv_op op = {.key = i % 2 == 0 ? S("even") : S("odd")};

        if (i % (CROWD / EARS) == 0) {
            loop_run_until(f->loop, i > 0 ? &all[i / 2].done : &(bool){true});
            ears[i / (CROWD / EARS)] = hear(f->kv, "even", 0);
        }
        kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn, &all[i]);
    }
    for (int i = 0; i < EARS; i++) {
        const char *at = heard(f->loop, ears[i], CROWD - 1);

        assert_int_equal(ears[i]->calls, CROWD / 2);
        for (int rev = 1; rev < CROWD; rev += 2) {
            char want[24];
            int n = snprintf(want, sizeof(want), " %d +even", rev);

            assert_memory_equal(at, want, n);
            at += n;
        }
        heard_free(ears[i]);
    }
    for (uint32_t i = 0; i < CROWD; i++)
        loop_run_until(f->loop, &all[i].done);
    free(all);
}

static void a_watch_that_falls_behind_ends_stale_and_never_skips(void **state)
{
    struct fix *f = *state;
    struct heard *h = hear(f->kv, "other", 0);

    put_others(f, KV_HISTORY + 1);
    heard(f->loop, h, KV_HISTORY + 1);
    if (h->end == 0) /* the disk was slow enough to follow */
        assert_int_equal(h->calls, KV_HISTORY + 1);
    else
        assert_int_equal(h->end, -ESTALE);
    if (!f->backend->durable) /* all of it comes in one message */
        assert_true(h->end == -ESTALE && h->calls == 1);
    heard_free(h);
}

static void a_prefix_is_taken_at_the_limit_and_refused_above_it(void **state)
{
    struct fix *f = *state;
    char big[KV_KEY + 2];
    struct heard *fits, *over;

    memset(big, 'x', sizeof(big));
    big[KV_KEY + 1] = 0;
    over = hear(f->kv, big, 0);
    assert_int_equal(over->calls, 0);
    big[KV_KEY] = 0;
    fits = hear(f->kv, big, 0);
    assert_int_equal(put1(f, big, "", NULL), 0);
    heard(f->loop, over, 1);
    heard(f->loop, fits, 1);
    assert_true(over->end == -E2BIG && over->calls == 1);
    assert_true(fits->end == 0 && fits->calls == 1);
    heard_free(over);
    heard_free(fits);
}

struct pair {
    struct kv_watch *self, *other;
    uint32_t calls;
};

static void on_change_free_both(void *user, int r, uint64_t rev, const struct kv_change *changes,
                                uint32_t n)
{
    struct pair *p = user;

    (void)r;
    (void)rev;
    p->calls++;
    p->other = kv_watch_free(p->other);
    p->self = kv_watch_free(p->self);
    assert_int_equal(n, 1);
    t_str(changes[0].key, S("k")); /* what it was told stays readable */
}

static void a_freed_watch_is_not_called_any_more(void **state)
{
    struct fix *f = *state;
    struct heard *early = hear(f->kv, "k", 0), *last;
    struct pair p = {0};

    early->watch = kv_watch_free(early->watch); /* before its first call */
    p.self = kv_watch(f->kv, S("k"), 0, on_change_free_both, &p);
    p.other = kv_watch(f->kv, S("k"), 0, on_change_free_both, &p);
    last = hear(f->kv, "k", 0);
    assert_int_equal(put1(f, "k", "", NULL), 0);
    assert_int_equal(put1(f, "k", "", NULL), 0);
    assert_string_equal(heard(f->loop, last, 2), " 1 +k 2 +k");
    assert_int_equal(early->calls, 0);
    assert_int_equal(p.calls, 1);
    heard_free(early);
    heard_free(last);
}

static void closing_ends_every_watch_once(void **state)
{
    struct fix *f = *state;
    struct heard *live = hear(f->kv, "k", 0), *fresh, *over;

    assert_int_equal(put1(f, "k", "", NULL), 0);
    heard(f->loop, live, 1);
    fresh = hear(f->kv, "k", 0);
    over = hear(f->kv, "k", 99);
    f->kv = kv_close(f->kv);
    assert_true(live->end == -EIO && live->calls == 2);
    assert_true(fresh->end == -EIO && fresh->calls == 1);
    assert_true(over->end == -ESTALE && over->calls == 1); /* it had its reason before */
    heard_free(live);
    heard_free(fresh);
    heard_free(over);
}

struct again {
    struct fix *f;
    struct kv_watch *first;
    struct heard *second;
};

static void on_end_watch_again(void *user, int r, uint64_t rev, const struct kv_change *changes,
                               uint32_t n)
{
    struct again *a = user;

    (void)rev;
    (void)changes;
    assert_int_equal(n, 0);
    assert_int_equal(r, -EIO);
    assert_null(a->second);
    a->first = kv_watch_free(a->first);
    a->second = hear(a->f->kv, "k", 0);
}

static void who_watches_again_while_the_store_closes_is_told_later(void **state)
{
    struct fix *f = *state;
    struct again a = {.f = f};

    a.first = kv_watch(f->kv, S("k"), 0, on_end_watch_again, &a);
    f->kv = kv_close(f->kv);
    assert_int_equal(a.second->calls, 0);
    heard(f->loop, a.second, 1);
    assert_true(a.second->end == -EIO && a.second->calls == 1);
    heard_free(a.second);
}

struct shutter {
    struct fix *f;
    struct kv_watch *watch;
    struct answer late;
    int calls, end;
    bool done;
};

static void on_change_close(void *user, int r, uint64_t rev, const struct kv_change *changes,
                            uint32_t n)
{
    struct shutter *s = user;

    s->calls++;
    if (r < 0) {
        s->end = r;
        return;
    }
    assert_int_equal(rev, 1);
    kv_txn(s->f->kv,
           &(struct kv_txn){.ops = &(struct kv_op){.key = S("k")}, .nops = 1, .deadline_ns = 0},
           on_txn, &s->late);
    s->f->kv = kv_close(s->f->kv);
    assert_true(n == 1 && s->late.done && s->late.r == 0);
    t_str(changes[0].key, S("k"));
    s->done = true;
}

static void a_watch_may_close_the_store_from_its_call(void **state)
{
    struct fix *f = *state;
    struct shutter *s = xnew(struct shutter);
    struct answer *put_k = xnew(struct answer);

    s->f = f;
    s->watch = kv_watch(f->kv, S("k"), 0, on_change_close, s);
    kv_txn(f->kv, &(struct kv_txn){.ops = &(struct kv_op){.key = S("k")}, .nops = 1}, on_txn,
           put_k);
    loop_run_until(f->loop, &s->done);
    assert_true(s->calls == 2 && s->end == -EIO);
    kv_watch_free(s->watch);
    free(s);
    free(put_k);
}

static void history_survives_a_reopening(void **state)
{
    struct fix *f = *state;
    struct heard *h;

    assert_int_equal(put1(f, "k1", "", NULL), 0);
    assert_int_equal(put1(f, "k2", "", NULL), 0);
    assert_int_equal(put_del(f, "k1", NULL), 0);
    reopen(f);
    assert_int_equal(list_at(f, "k", "", 2), -ESTALE);
    assert_int_equal(list_at(f, "k2", "", 2), 0);
    assert_int_equal(list_at(f, "k", "", 3), 0);
    h = hear(f->kv, "k", 1);
    assert_int_equal(put1(f, "k4", "", NULL), 0);
    assert_string_equal(heard(f->loop, h, 4), " 2 +k2 3 -k1 4 +k4");
    heard_free(h);
}

static void a_reopened_history_reaches_as_far_as_before(void **state)
{
    struct fix *f = *state;

    put_others(f, 700); /* what is forgotten goes in larger pieces on disk */
    put_others(f, KV_HISTORY - 700);
    assert_int_equal(put1(f, "p", "", NULL), 0);
    put_others(f, KV_HISTORY - 1);
    assert_int_equal(list_at(f, "p", "", KV_HISTORY), -ESTALE); /* it was put then */
    assert_int_equal(list_at(f, "other2", "", KV_HISTORY), 0);
    reopen(f);
    assert_int_equal(list_at(f, "other2", "", KV_HISTORY), 0);
    assert_int_equal(list_at(f, "other2", "", KV_HISTORY - 1), -ESTALE);
    put_others(f, 1);
    assert_int_equal(list_at(f, "other2", "", KV_HISTORY), -ESTALE);
}

int main(void)
{
    static const struct kv_test tests[] = {
            KV_TEST(a_page_tells_its_revision_and_the_next_is_of_the_same_state),
            KV_TEST(puts_deletions_and_else_operations_are_changes_and_refusals_are_not),
            KV_TEST(a_revision_not_reached_yet_is_no_past_to_list_or_watch_from),
            KV_TEST(history_reaches_back_its_number_of_txns_and_no_further),
            KV_TEST(a_watch_from_the_oldest_revision_hears_all),
            KV_TEST(history_is_bounded_in_bytes_too),
            KV_TEST(a_watch_tells_each_txn_under_its_prefix_once_and_in_order),
            KV_TEST(a_watch_from_a_listing_goes_on_where_it_ended),
            KV_TEST(many_watches_and_many_txns_leave_no_gap),
            KV_TEST(a_watch_that_falls_behind_ends_stale_and_never_skips),
            KV_TEST(a_prefix_is_taken_at_the_limit_and_refused_above_it),
            KV_TEST(a_freed_watch_is_not_called_any_more),
            KV_TEST(closing_ends_every_watch_once),
            KV_TEST(who_watches_again_while_the_store_closes_is_told_later),
            KV_TEST(a_watch_may_close_the_store_from_its_call),
            {"history_survives_a_reopening", history_survives_a_reopening, .of_durable = true},
            {"a_reopened_history_reaches_as_far_as_before",
             a_reopened_history_reaches_as_far_as_before, .of_durable = true},
    };
    return run_contract(__FILE__, tests, ARRAY_LEN(tests));
}
