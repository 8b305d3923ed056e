/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of kv.h: keys, listings, txns, closing. test_kv_watch.c has the rest of it. */
#include "store/kv.h"

#include <errno.h>

#include "base/clock.h"
#include "kv_backends.h"

static void a_key_that_was_never_put_is_absent(void **state)
{
    struct fix *f = *state;

    assert_int_equal(get(f->loop, f->kv, S("none"), &f->a), 0);
    assert_int_equal(f->a.n, 0);
}

static void what_was_put_is_found_with_its_revision(void **state)
{
    struct fix *f = *state;
    uint64_t rev = 0;

    assert_int_equal(put1(f, "k", "v", &rev), 0);
    assert_int_equal(rev, 1);
    assert_int_equal(put1(f, "k", "w", &rev), 0);
    assert_int_equal(rev, 2);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    t_str(f->a.items[0].value, S("w"));
    assert_int_equal(f->a.items[0].rev, 2);
}

static void keys_and_values_are_bytes(void **state)
{
    struct fix *f = *state;

    assert_int_equal(put(f->loop, f->kv, S("a\0b"), S("\0\xff"), NULL), 0);
    assert_int_equal(put(f->loop, f->kv, S("a"), STR_NONE, NULL), 0);
    assert_int_equal(get(f->loop, f->kv, S("a\0b"), &f->a), 0);
    t_str(f->a.items[0].value, S("\0\xff"));
    assert_int_equal(get(f->loop, f->kv, S("a"), &f->a), 0);
    assert_int_equal(f->a.n, 1);
    assert_int_equal(f->a.items[0].value.n, 0);
}

static void no_completion_comes_before_the_call_returned(void **state)
{
    struct fix *f = *state;
    struct answer *b = xnew(struct answer);

    kv_get(f->kv, S("k"), 0, on_get, &f->a);
    kv_list(f->kv, &(struct kv_range){.prefix = S("k"), .limit = 1}, on_list, b);
    assert_false(f->a.done || b->done);
    loop_run_until(f->loop, &b->done);
    loop_run_until(f->loop, &f->a.done);
    free(b);
}

static void a_compare_that_does_not_hold_changes_nothing(void **state)
{
    struct fix *f = *state;
    struct kv_compare cmp[2] = {{S("k"), 0}, {S("other"), 0}};
    struct kv_op ops[2] = {{.key = S("k"), .value = S("1")}, {.key = S("n"), .value = S("2")}};
    struct kv_txn t = {cmp, 2, ops, 2, NULL, 0, 0};
    uint64_t rev = 77, next;

    assert_int_equal(txn(f->loop, f->kv, &t, &rev), 0);
    assert_int_equal(txn(f->loop, f->kv, &t, &next), -ESTALE);
    cmp[0].rev = rev + 1;
    assert_int_equal(txn(f->loop, f->kv, &t, &next), -ESTALE);
    cmp[0].rev = rev;
    cmp[1].rev = 1;
    assert_int_equal(txn(f->loop, f->kv, &t, &next), -ESTALE);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    assert_int_equal(f->a.items[0].rev, rev);
    cmp[1].rev = 0;
    assert_int_equal(txn(f->loop, f->kv, &t, &next), 0);
    assert_int_equal(next, rev + 1); /* refused ones took no number */
}

static void a_deleted_key_compares_as_absent_and_revisions_go_on(void **state)
{
    struct fix *f = *state;
    struct kv_op del = {.del = true, .key = S("k")};
    struct kv_compare absent = {S("k"), 0};
    uint64_t rev;

    assert_int_equal(put1(f, "k", "v", NULL), 0);
    assert_int_equal(txn(f->loop, f->kv, &(struct kv_txn){.ops = &del, .nops = 1}, &rev), 0);
    assert_int_equal(rev, 2);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    assert_int_equal(f->a.n, 0);
    assert_int_equal(txn(f->loop, f->kv, &(struct kv_txn){&absent, 1, &del, 1, NULL, 0, 0}, &rev),
                     0);
    assert_int_equal(rev, 3);
}

static void operations_of_a_txn_apply_in_order_under_one_revision(void **state)
{
    struct fix *f = *state;
    struct kv_op ops[] = {{.key = S("a"), .value = S("1")},
                          {.key = S("a"), .value = S("2")},
                          {.key = S("b"), .value = S("3")},
                          {.del = true, .key = S("b")}};
    uint64_t rev;

    assert_int_equal(txn(f->loop, f->kv, &(struct kv_txn){.ops = ops, .nops = 4}, &rev), 0);
    assert_int_equal(list(f->loop, f->kv, STR_NONE, STR_NONE, 10, &f->a), 0);
    assert_int_equal(f->a.n, 1);
    t_str(f->a.items[0].value, S("2"));
    assert_int_equal(f->a.items[0].rev, rev);
}

static void a_listing_is_in_byte_order_and_ends_with_the_prefix(void **state)
{
    static const char *const keys[] = {"p0", "p/\xff", "p/b", "p/a/1", "p/", "p/a", "o", "q"};
    static const char *const want[] = {"p/", "p/a", "p/a/1", "p/b", "p/\xff"};
    struct fix *f = *state;

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        assert_int_equal(put1(f, keys[i], keys[i], NULL), 0);
    assert_int_equal(list(f->loop, f->kv, S("p/"), STR_NONE, 1000, &f->a), 0);
    assert_int_equal(f->a.n, 5);
    assert_false(f->a.more);
    for (uint32_t i = 0; i < f->a.n; i++) {
        t_str(f->a.items[i].key, str_of(want[i]));
        t_str(f->a.items[i].value, str_of(want[i]));
    }
    assert_int_equal(list(f->loop, f->kv, S("p/zzz"), STR_NONE, 1000, &f->a), 0);
    assert_int_equal(f->a.n, 0);
}

static void a_listing_goes_on_after_the_last_key(void **state)
{
    struct fix *f = *state;

    for (int i = 0; i < 10; i++) {
        char key[8];

        snprintf(key, sizeof(key), "k%02d", i);
        assert_int_equal(put1(f, key, "", NULL), 0);
    }
    assert_int_equal(list(f->loop, f->kv, S("k"), STR_NONE, 9, &f->a), 0);
    assert_true(f->a.n == 9 && f->a.more);
    assert_int_equal(list(f->loop, f->kv, S("k"), STR_NONE, 10, &f->a), 0);
    assert_true(f->a.n == 10 && !f->a.more);
    assert_int_equal(list(f->loop, f->kv, S("k"), S("k08"), 9, &f->a), 0);
    assert_true(f->a.n == 1 && !f->a.more);
    t_str(f->a.items[0].key, S("k09"));
    assert_int_equal(list(f->loop, f->kv, S("k"), S("k080"), 9, &f->a), 0);
    assert_int_equal(f->a.n, 1); /* after need not exist */
    assert_int_equal(list(f->loop, f->kv, S("k"), S("a"), 1, &f->a), 0);
    t_str(f->a.items[0].key, S("k00")); /* nor have the prefix */
    assert_int_equal(list(f->loop, f->kv, S("k"), S("z"), 1, &f->a), 0);
    assert_int_equal(f->a.n, 0);
}

static char *fill(size_t n)
{
    char *p = xcalloc(1, n + 1);

    memset(p, 'x', n);
    return p;
}

static void sizes_are_taken_at_the_limit_and_refused_above_it(void **state)
{
    struct fix *f = *state;
    char *big = fill(KV_VALUE + 1);
    struct kv_compare cmp = {{big, KV_KEY + 1}, 0}, missing = {S("missing"), 1};
    uint64_t rev = 0;
    struct kv_op *ops = xcalloc(KV_OPS + 1, sizeof(*ops));
    struct kv_txn t = {.ops = ops, .nops = KV_OPS};

    assert_int_equal(put(f->loop, f->kv, (struct str){big, KV_KEY}, S("v"), NULL), 0);
    assert_int_equal(put(f->loop, f->kv, (struct str){big, KV_KEY + 1}, S("v"), NULL), -E2BIG);
    assert_int_equal(put(f->loop, f->kv, S("v"), (struct str){big, KV_VALUE}, NULL), 0);
    assert_int_equal(put(f->loop, f->kv, S("v"), (struct str){big, KV_VALUE + 1}, NULL), -E2BIG);
    assert_int_equal(get(f->loop, f->kv, (struct str){big, KV_KEY}, &f->a), 0);
    assert_int_equal(f->a.n, 1);
    assert_int_equal(get(f->loop, f->kv, (struct str){big, KV_KEY + 1}, &f->a), -E2BIG);
    assert_int_equal(
            list(f->loop, f->kv, (struct str){big, KV_KEY}, (struct str){big, KV_KEY}, 1, &f->a),
            0);
    assert_int_equal(f->a.n, 0);
    assert_int_equal(list(f->loop, f->kv, (struct str){big, KV_KEY + 1}, STR_NONE, 1, &f->a),
                     -E2BIG);
    assert_int_equal(txn(f->loop, f->kv, &(struct kv_txn){&cmp, 1, ops, 1, NULL, 0, 0}, NULL),
                     -E2BIG);

    for (uint32_t i = 0; i <= KV_OPS; i++)
        ops[i] = (struct kv_op){.key = {(const char *)&ops[i], sizeof(void *)}, .value = S("v")};
    assert_int_equal(txn(f->loop, f->kv, &t, NULL), 0);
    t.nops = KV_OPS + 1;
    assert_int_equal(txn(f->loop, f->kv, &t, NULL), -E2BIG);
    t = (struct kv_txn){&missing, 1, NULL, 0, ops, KV_OPS, 0};
    assert_int_equal(txn(f->loop, f->kv, &t, &rev), -ESTALE);
    assert_true(rev > 0);
    t.nelse_ops = KV_OPS + 1;
    assert_int_equal(txn(f->loop, f->kv, &t, NULL), -E2BIG);
    free(ops);
    free(big);
}

enum { CROWD = 500 };

static void txns_handed_in_together_are_each_atomic(void **state)
{
    struct fix *f = *state;
    struct answer *all = xcalloc(CROWD, sizeof(*all));
    bool seen[CROWD + 1] = {false};
    uint32_t won = 0;

    /* Every third wants to be the first to make "winner"; the others put a key of their own. */
    for (int i = 0; i < CROWD; i++) {
        struct kv_compare cmp = {S("winner"), 0};
        char key[16], value[16];
        struct kv_op ops[2] = {{.key = S("winner"), .value = S("w")}};

        snprintf(key, sizeof(key), "k%03d", i);
        snprintf(value, sizeof(value), "%d", i);
        ops[1] = (struct kv_op){.key = str_of(key), .value = str_of(value)};
        if (i % 3 == 0)
            kv_txn(f->kv, &(struct kv_txn){&cmp, 1, ops, 2, NULL, 0, 0}, on_txn, &all[i]);
        else
            kv_txn(f->kv, &(struct kv_txn){.ops = ops + 1, .nops = 1}, on_txn, &all[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        loop_run_until(f->loop, &all[i].done);
        if (i % 3 == 0 && all[i].r == 0)
            won++;
        else
            assert_int_equal(all[i].r, i % 3 == 0 ? -ESTALE : 0);
        if (all[i].r == 0) {
            assert_in_range(all[i].rev, 1, CROWD);
            assert_false(seen[all[i].rev]);
            seen[all[i].rev] = true;
        }
    }
    assert_int_equal(won, 1);
    assert_int_equal(list(f->loop, f->kv, S("k"), STR_NONE, KV_LIST, &f->a), 0);
    assert_int_equal(f->a.n, CROWD - (CROWD + 2) / 3 + 1);
    free(all);
}

static void a_read_sees_what_was_handed_in_before_it(void **state)
{
    struct fix *f = *state;
    struct kv_op op = {.key = S("k"), .value = S("v")};
    struct answer *t = xnew(struct answer);

    kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn, t);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    assert_int_equal(f->a.n, 1);
    loop_run_until(f->loop, &t->done);
    free(t);
}

static void closing_completes_what_was_accepted(void **state)
{
    struct fix *f = *state;
    struct answer *all = xcalloc(8, sizeof(*all));

    for (int i = 0; i < 8; i++) {
        struct kv_op op = {.key = {(const char *)&i, sizeof(i)}, .value = S("v")};

        kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn, &all[i]);
    }
    f->kv = kv_close(f->kv);
    for (int i = 0; i < 8; i++)
        assert_true(all[i].done && all[i].r == 0);
    free(all);
}

struct closer {
    struct fix *f;
    struct answer late;
    bool done;
};

static void on_txn_close(void *user, int r, uint64_t rev)
{
    struct closer *c = user;

    assert_int_equal(r, 0);
    assert_int_equal(rev, 1);
    c->f->kv = kv_close(c->f->kv);
    c->done = true;
}

static void a_completion_may_close_the_store(void **state)
{
    struct fix *f = *state;
    struct closer *c = xnew(struct closer);
    struct kv_op op = {.key = S("k"), .value = S("v")};

    c->f = f;
    kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn_close, c);
    kv_get(f->kv, S("k"), 0, on_get, &c->late);
    loop_run_until(f->loop, &c->done);
    assert_true(c->late.done);
    assert_int_equal(c->late.r, 0);
    answer_done(&c->late);
    free(c);
}

static void on_txn_ask_again(void *user, int r, uint64_t rev)
{
    struct closer *c = user;

    (void)r;
    (void)rev;
    kv_get(c->f->kv, S("k"), 0, on_get, &c->late);
    c->done = true;
}

static void what_a_completion_asks_during_close_is_refused(void **state)
{
    struct fix *f = *state;
    struct closer *c = xnew(struct closer);
    struct kv_op op = {.key = S("k"), .value = S("v")};

    c->f = f;
    kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn_ask_again, c);
    f->kv = kv_close(f->kv);
    assert_true(c->done);
    loop_run_until(f->loop, &c->late.done);
    assert_int_equal(c->late.r, -EIO);
    free(c);
}

static void else_operations_apply_when_a_compare_does_not_hold(void **state)
{
    struct fix *f = *state;
    struct kv_compare cmp = {S("lock"), 0};
    struct kv_op mine = {.key = S("lock"), .value = S("me")};
    struct kv_op other[] = {{.key = S("lost"), .value = S("1")}, {.del = true, .key = S("gone")}};
    struct kv_txn t = {&cmp, 1, &mine, 1, other, 2, 0};
    uint64_t rev = 0;

    assert_int_equal(put1(f, "gone", "", NULL), 0);
    assert_int_equal(txn(f->loop, f->kv, &t, &rev), 0);
    assert_int_equal(rev, 2);
    assert_int_equal(list(f->loop, f->kv, S(""), STR_NONE, 10, &f->a), 0);
    assert_int_equal(f->a.n, 2); /* gone, lock */

    assert_int_equal(txn(f->loop, f->kv, &t, &rev), -ESTALE);
    assert_int_equal(rev, 3); /* it changed something */
    assert_int_equal(list(f->loop, f->kv, S(""), STR_NONE, 10, &f->a), 0);
    assert_int_equal(f->a.n, 2); /* lock, lost */
    assert_int_equal(f->a.items[0].rev, 2);
    t_str(f->a.items[1].key, S("lost"));
    assert_int_equal(f->a.items[1].rev, 3);

    t.nelse_ops = 0;
    assert_int_equal(txn(f->loop, f->kv, &t, &rev), -ESTALE);
    assert_int_equal(rev, 0); /* nothing to tell a number of */
    assert_int_equal(put1(f, "k", "", &rev), 0);
    assert_int_equal(rev, 4);
}

static void a_call_past_its_deadline_is_not_applied(void **state)
{
    struct fix *f = *state;
    struct kv_op op = {.key = S("k"), .value = S("v")};
    struct kv_txn t = {.ops = &op, .nops = 1, .deadline_ns = 1};
    struct kv_range range = {.prefix = S("k"), .limit = 1, .deadline_ns = 1};
    uint64_t rev = 7;

    assert_int_equal(txn(f->loop, f->kv, &t, &rev), -EAGAIN);
    assert_int_equal(rev, 0);
    assert_int_equal(list_range(f->loop, f->kv, &range, &f->a), -EAGAIN);
    answer_done(&f->a);
    kv_get(f->kv, S("k"), clock_mono_ns(), on_get, &f->a);
    assert_false(f->a.done);
    loop_run_until(f->loop, &f->a.done);
    assert_int_equal(f->a.r, -EAGAIN);
    assert_int_equal(f->a.n, 0);

    assert_int_equal(put1(f, "other", "", &rev), 0);
    assert_int_equal(rev, 1); /* the late one took no number */
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    assert_int_equal(f->a.n, 0);
}

static void a_call_before_its_deadline_is_applied(void **state)
{
    struct fix *f = *state;
    struct kv_op op = {.key = S("k"), .value = S("v")};
    struct kv_txn t = {.ops = &op, .nops = 1, .deadline_ns = UINT64_MAX};
    struct kv_range range = {.prefix = S("k"), .limit = 1};

    assert_int_equal(txn(f->loop, f->kv, &t, NULL), 0);
    range.deadline_ns = clock_mono_ns() + 3600 * 1000000000ull;
    assert_int_equal(list_range(f->loop, f->kv, &range, &f->a), 0);
    assert_int_equal(f->a.n, 1);
    answer_done(&f->a);
    kv_get(f->kv, S("k"), range.deadline_ns, on_get, &f->a);
    loop_run_until(f->loop, &f->a.done);
    assert_int_equal(f->a.r, 0);
    assert_int_equal(f->a.n, 1);
}

static void what_was_committed_survives_a_reopening(void **state)
{
    struct fix *f = *state;
    uint64_t rev;

    assert_int_equal(put1(f, "k", "v", NULL), 0);
    assert_int_equal(put1(f, "gone", "v", NULL), 0);
    assert_int_equal(
            txn(f->loop, f->kv,
                &(struct kv_txn){.ops = &(struct kv_op){.del = true, .key = S("gone")}, .nops = 1},
                NULL),
            0);
    reopen(f);
    assert_int_equal(list(f->loop, f->kv, STR_NONE, STR_NONE, 10, &f->a), 0);
    assert_int_equal(f->a.n, 1);
    t_str(f->a.items[0].key, S("k"));
    assert_int_equal(f->a.items[0].rev, 1);
    assert_int_equal(put1(f, "k", "w", &rev), 0);
    assert_int_equal(rev, 4); /* a deletion's number is not given out again */
}

int main(void)
{
    static const struct kv_test tests[] = {
            KV_TEST(a_key_that_was_never_put_is_absent),
            KV_TEST(what_was_put_is_found_with_its_revision),
            KV_TEST(keys_and_values_are_bytes),
            KV_TEST(no_completion_comes_before_the_call_returned),
            KV_TEST(a_compare_that_does_not_hold_changes_nothing),
            KV_TEST(a_deleted_key_compares_as_absent_and_revisions_go_on),
            KV_TEST(operations_of_a_txn_apply_in_order_under_one_revision),
            KV_TEST(a_listing_is_in_byte_order_and_ends_with_the_prefix),
            KV_TEST(a_listing_goes_on_after_the_last_key),
            KV_TEST(sizes_are_taken_at_the_limit_and_refused_above_it),
            KV_TEST(txns_handed_in_together_are_each_atomic),
            KV_TEST(a_read_sees_what_was_handed_in_before_it),
            KV_TEST(closing_completes_what_was_accepted),
            KV_TEST(a_completion_may_close_the_store),
            KV_TEST(what_a_completion_asks_during_close_is_refused),
            KV_TEST(else_operations_apply_when_a_compare_does_not_hold),
            KV_TEST(a_call_past_its_deadline_is_not_applied),
            KV_TEST(a_call_before_its_deadline_is_applied),
            {"what_was_committed_survives_a_reopening", what_was_committed_survives_a_reopening,
             .of_durable = true},
    };
    return run_contract(__FILE__, tests, sizeof(tests) / sizeof(tests[0]));
}
