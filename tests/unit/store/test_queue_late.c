/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of queue.h: what waited until it was too old, found by a late lease. */
#include <errno.h>

#include "base/clock.h"
#include "base/obj.h"
#include "queue_backends.h"
#include "store/queue.h"

static uint64_t hold(struct qs *s)
{
    uint64_t token;

    assert_int_equal(campaign_for(s, "w", 60000, &token), 0);
    return token;
}

static int lease_late(struct qs *s, uint64_t token, const char *queue, uint32_t most)
{
    struct q_want want = {str_of(queue), most};

    q_lease(s->q,
            &(struct q_lease){
                    .token = token, .wants = &want, .nwants = 1, .visible_ms = 60000, .late = true},
            told_events, told_reset(s->t));
    return wait_for(s);
}

static void put_some(struct qs *s, const struct q_record *recs, uint32_t n)
{
    assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = n}), 0);
}

static void late_are(struct qs *s, uint64_t token, const char *want)
{
    char got[200] = "";

    assert_int_equal(lease_late(s, token, "q", 100), 0);
    for (uint32_t i = 0; i < s->t->n; i++) {
        size_t n = strlen(got);

        assert_int_equal(s->t->events[i].state, Q_RUNNING);
        assert_true(s->t->events[i].token == token);
        snprintf(got + n, sizeof(got) - n, "%s%.*s", n > 0 ? " " : "", STR_ARG(s->t->events[i].id));
    }
    assert_string_equal(got, want);
}

static void only_what_is_too_old_is_leased(void **state)
{
    struct qs *s = *state;
    int64_t now = clock_store_ms();
    uint64_t token = hold(s);
    struct q_record recs[] = {
            {.queue = S("q"), .id = S("for-ever")},
            {.queue = S("q"), .id = S("young"), .expires_ms = now + 600000},
            {.queue = S("q"), .id = S("old"), .expires_ms = now},
            {.queue = S("q"), .id = S("later"), .not_before_ms = now + 600000, .expires_ms = now},
            {.queue = S("q"), .id = S("retried"), .not_before_ms = now - 5, .expires_ms = now - 1},
            {.queue = S("q"), .id = S("high"), .priority = 9, .expires_ms = now - 1},
            {.queue = S("q/other"), .id = S("elsewhere"), .expires_ms = now - 1},
    };

    put_some(s, recs, ARRAY_LEN(recs));
    assert_int_equal(lease_late(s, token + 1, "q", 100), -ESTALE);
    late_are(s, token, "high retried later old");
    for (uint32_t i = 0; i < 4; i++)
        if (str_eq(s->t->events[i].id, S("old"))) {
            struct q_item item = item_of(&s->t->events[i]);

            assert_int_equal(end_one(s, token, item, Q_EXPIRED), 0);
            break;
        }
    late_are(s, token, "");
    assert_int_equal(list_id(s, "old"), 0);
    assert_int_equal(s->t->events[0].state, Q_EXPIRED);
    assert_int_equal(lease_some(s, token, "q", 100), 0);
    assert_int_equal(s->t->n, 2); /* the others, as ever */
}

static void never_more_than_are_wanted(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);

    for (int i = 0; i < 5; i++) {
        char id[8];

        snprintf(id, sizeof(id), "%d", i);
        put_some(s,
                 &(struct q_record){
                         .queue = S("q"), .id = str_of(id), .expires_ms = clock_store_ms() - 1},
                 1);
    }
    assert_int_equal(lease_late(s, token, "q", 3), 0);
    assert_int_equal(s->t->n, 3);
    late_are(s, token, "3 4");
}

/* What runs is not taken away, also not by the token that has it. */
static void what_runs_is_left_alone(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);

    put_some(s, &(struct q_record){.queue = S("q"), .id = S("a"), .expires_ms = 1}, 1);
    assert_int_equal(lease_some(s, token, "q", 1), 0);
    assert_int_equal(s->t->n, 1);
    late_are(s, token, "");
    reopen(*state); /* its holder is gone: that is for an ordinary lease */
    token = hold(s);
    late_are(s, token, "");
    assert_int_equal(lease_some(s, token, "q", 1), 0);
    assert_int_equal(s->t->n, 1);
}

static void it_looks_past_so_many(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);
    struct q_record recs[Q_LATE + 1];
    char ids[Q_LATE + 1][8];

    for (int i = 0; i < Q_LATE; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%d", i);
        recs[i] = (struct q_record){.queue = S("q"), .id = str_of(ids[i])};
    }
    recs[Q_LATE] = (struct q_record){.queue = S("q"), .id = S("old"), .expires_ms = 1};
    put_some(s, recs, Q_LATE + 1);
    late_are(s, token, ""); /* behind Q_LATE others */
    assert_int_equal(cancel_id(s, "0", STR_NONE), 0);
    late_are(s, token, "old"); /* behind one less */
}

static const struct queue_test contract[] = {
        QUEUE_TEST(only_what_is_too_old_is_leased),
        QUEUE_TEST(never_more_than_are_wanted),
        QUEUE_TEST(what_runs_is_left_alone),
        QUEUE_TEST(it_looks_past_so_many),
};

int main(void)
{
    return run_contract("queue late", contract, ARRAY_LEN(contract));
}
