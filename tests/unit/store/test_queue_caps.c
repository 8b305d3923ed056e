/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of queue.h: a lease that may have only so many of a source. */
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

static void put_of(struct qs *s, const char *source, const char *id)
{
    struct q_record rec = {.queue = S("q"), .source = str_of(source), .id = str_of(id)};

    assert_int_equal(put_one(s, &rec), 0);
}

static void leased_are(struct qs *s, uint64_t token, const struct q_want *want, const char *ids)
{
    char got[200] = "";

    assert_int_equal(lease_wants(s, token, want, 1, 60000), 0);
    for (uint32_t i = 0; i < s->t->n; i++) {
        size_t n = strlen(got);

        snprintf(got + n, sizeof(got) - n, "%s%.*s", n > 0 ? " " : "", STR_ARG(s->t->events[i].id));
    }
    assert_string_equal(got, ids);
}

static void no_more_of_a_source_than_its_cap(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);
    struct q_cap caps[] = {{S("t"), 2}, {S("nobody"), 0}, {S("u"), 0}};
    struct q_want want = {S("q"), 4, caps, ARRAY_LEN(caps)};

    put_of(s, "t", "t1");
    put_of(s, "u", "u1");
    put_of(s, "t", "t2");
    put_of(s, "t", "t3");
    put_of(s, "", "a");
    put_of(s, "t", "t4");
    put_of(s, "", "b");
    put_of(s, "", "c");
    leased_are(s, token, &want, "t1 t2 a b"); /* at the limit, and not one more */
    caps[0].most = 1;
    leased_are(s, token, &want, "t3 c");
    caps[0].most = 0;
    leased_are(s, token, &want, "");
    want.ncaps = 0;
    leased_are(s, token, &want, "u1 t4");
}

static void it_holds_for_what_had_to_wait_too(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);
    int64_t now = clock_store_ms();
    struct q_cap cap = {S("t"), 1};
    struct q_want want = {S("q"), 9, &cap, 1};
    struct q_record recs[] = {
            {.queue = S("q"), .source = S("t"), .id = S("t1"), .not_before_ms = now - 2},
            {.queue = S("q"), .source = S("t"), .id = S("t2"), .not_before_ms = now - 1},
            {.queue = S("q"), .id = S("later"), .not_before_ms = now + 600000},
            {.queue = S("q"), .source = S("t"), .id = S("t3")},
            {.queue = S("q"), .source = S("t"), .id = S("high"), .priority = 1},
    };

    assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = 4}), 0);
    leased_are(s, token, &want, "t1");
    assert_int_equal(put_one(s, &recs[4]), 0);
    leased_are(s, token, &want, "high");
    leased_are(s, token, &want, "t2");
    leased_are(s, token, &want, "t3");
    leased_are(s, token, &want, "");
}

/* Somebody has to end them; but they are what the source has now. */
static void what_ran_before_counts(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);
    struct q_cap cap = {S("t"), 3};
    struct q_want want = {S("q"), 9, &cap, 1};

    put_of(s, "t", "t1");
    put_of(s, "t", "t2");
    assert_int_equal(lease_some(s, token, "q", 9), 0);
    put_of(s, "t", "t3");
    put_of(s, "t", "t4");
    reopen(*state);
    token = hold(s);
    leased_are(s, token, &want, "t1 t2 t3");
    cap.most = 0;
    reopen(*state);
    token = hold(s);
    leased_are(s, token, &want, "t1 t2 t3");
    leased_are(s, token, &want, "");
}

static void so_many_are_stepped_over(void **state)
{
    static char ids[Q_CAPPED][8];
    struct qs *s = *state;
    uint64_t token = hold(s);
    struct q_cap cap = {S("t"), 0};
    struct q_want want = {S("q"), 9, &cap, 1};
    struct q_record recs[Q_RECORDS];

    for (uint32_t i = 0; i < Q_CAPPED; i += Q_RECORDS) {
        for (uint32_t k = 0; k < Q_RECORDS; k++) {
            snprintf(ids[i + k], sizeof(ids[0]), "%u", i + k);
            recs[k] =
                    (struct q_record){.queue = S("q"), .source = S("t"), .id = str_of(ids[i + k])};
        }
        assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = Q_RECORDS}), 0);
    }
    put_of(s, "", "behind");
    leased_are(s, token, &want, "");
    assert_int_equal(cancel_id(s, "0", STR_NONE), 0);
    leased_are(s, token, &want, "behind");
}

static void a_lease_has_so_many_caps(void **state)
{
    static char name[Q_SOURCE + 1];
    static struct q_cap caps[Q_CAPS + 1];
    struct qs *s = *state;
    uint64_t token = hold(s);
    struct q_want want = {S("q"), 1, caps, Q_CAPS};

    put_of(s, "", "a");
    memset(name, 'x', sizeof(name));
    for (uint32_t i = 0; i <= Q_CAPS; i++)
        caps[i] = (struct q_cap){{name, Q_SOURCE}, 1};
    leased_are(s, token, &want, "a");
    want.ncaps = Q_CAPS + 1;
    assert_int_equal(lease_wants(s, token, &want, 1, 1), -E2BIG);
    want.ncaps = 1;
    caps[0].source.n++;
    assert_int_equal(lease_wants(s, token, &want, 1, 1), -E2BIG);
}

static const struct queue_test contract[] = {
        QUEUE_TEST(no_more_of_a_source_than_its_cap), QUEUE_TEST(it_holds_for_what_had_to_wait_too),
        QUEUE_TEST(what_ran_before_counts),           QUEUE_TEST(so_many_are_stepped_over),
        QUEUE_TEST(a_lease_has_so_many_caps),
};

int main(void)
{
    return run_contract("queue caps", contract, ARRAY_LEN(contract));
}
