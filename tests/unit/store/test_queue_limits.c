/* SPDX-License-Identifier: Apache-2.0 */
/* The limits of queue.h, each at the limit and one over it. What is over is not applied. */
#include <errno.h>

#include "queue_backends.h"
#include "store/queue.h"

/* n bytes; they live as long as the program. */
static struct str bytes(size_t n)
{
    static char room[Q_PAYLOAD + 1];

    memset(room, 'x', n);
    return (struct str){room, n};
}

static void record_is(struct qs *s, struct q_record rec, int want)
{
    static unsigned number;
    char id[16];

    snprintf(id, sizeof(id), "%u", number++);
    if (rec.id.n == 0)
        rec.id = str_of(id);
    if (rec.queue.n == 0)
        rec.queue = S("q");
    assert_int_equal(put_one(s, &rec), want);
    assert_int_equal(list_some(s, &(struct q_filter){.id = want == 0 ? rec.id : S("?"),
                                                     .limit = 1,
                                                     .payload = true}),
                     0);
    assert_int_equal(s->t->n, want == 0);
    if (want == 0) {
        t_str(s->t->events[0].queue, rec.queue);
        assert_int_equal(s->t->events[0].payload.n, rec.payload.n);
    }
}

static void each_field_of_a_record_has_its_limit(void **state)
{
    struct qs *s = *state;

    record_is(s, (struct q_record){.queue = bytes(Q_NAME)}, 0);
    record_is(s, (struct q_record){.queue = bytes(Q_NAME + 1)}, -E2BIG);
    record_is(s, (struct q_record){.source = bytes(Q_SOURCE)}, 0);
    record_is(s, (struct q_record){.source = bytes(Q_SOURCE + 1)}, -E2BIG);
    record_is(s, (struct q_record){.id = bytes(Q_ID)}, 0);
    record_is(s, (struct q_record){.id = bytes(Q_ID + 1)}, -E2BIG);
    record_is(s, (struct q_record){.dedup = bytes(Q_ID)}, 0);
    record_is(s, (struct q_record){.dedup = bytes(Q_ID + 1)}, -E2BIG);
    record_is(s, (struct q_record){.order = bytes(Q_ID)}, 0);
    record_is(s, (struct q_record){.order = bytes(Q_ID + 1)}, -E2BIG);
    record_is(s, (struct q_record){.attributes = bytes(Q_ATTRIBUTES)}, 0);
    record_is(s, (struct q_record){.attributes = bytes(Q_ATTRIBUTES + 1)}, -E2BIG);
    record_is(s, (struct q_record){.payload = bytes(Q_PAYLOAD)}, 0);
    record_is(s, (struct q_record){.payload = bytes(Q_PAYLOAD + 1)}, -E2BIG);
    record_is(s, (struct q_record){.priority = 9}, 0);
    record_is(s, (struct q_record){.priority = 10}, -E2BIG);
}

static void a_put_has_so_many_records_and_cursors(void **state)
{
    static char names[Q_RECORDS + 1][8];
    struct qs *s = *state;
    struct q_record recs[Q_RECORDS + 1];
    struct q_cursor cursors[Q_CURSORS + 1];

    for (int i = 0; i <= Q_RECORDS; i++) {
        snprintf(names[i], sizeof(names[i]), "%d", i);
        recs[i] = (struct q_record){.queue = S("q"), .id = str_of(names[i])};
        if (i <= Q_CURSORS)
            cursors[i] = (struct q_cursor){str_of(names[i]), STR_NONE, S("1")};
    }
    assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = Q_RECORDS + 1}),
                     -E2BIG);
    assert_int_equal(s->t->n, 0);
    assert_int_equal(put_all(s, &(struct q_put){.cursors = cursors, .ncursors = Q_CURSORS + 1}),
                     -E2BIG);
    assert_int_equal(put_all(s, &(struct q_put){.records = recs,
                                                .nrecords = Q_RECORDS,
                                                .cursors = cursors,
                                                .ncursors = Q_CURSORS,
                                                .bound = Q_RECORDS - 1}),
                     -ENOBUFS);
    assert_int_equal(put_all(s, &(struct q_put){.records = recs,
                                                .nrecords = Q_RECORDS,
                                                .cursors = cursors,
                                                .ncursors = Q_CURSORS,
                                                .bound = Q_RECORDS}),
                     0);
    assert_int_equal(s->t->n, Q_RECORDS);
}

static void a_cursor_has_its_limits(void **state)
{
    struct qs *s = *state;
    struct q_cursor c = {bytes(Q_ID), STR_NONE, bytes(Q_ID)};
    struct q_put put = {.cursors = &c, .ncursors = 1};

    assert_int_equal(put_all(s, &put), 0);
    assert_int_equal(cursor_of(s, "x"), 0);
    assert_int_equal(s->t->value.n, 0);
    q_cursor(s->q, bytes(Q_ID), told_value, told_reset(s->t));
    assert_int_equal(wait_for(s), 0);
    assert_int_equal(s->t->value.n, Q_ID);
    c.expect = bytes(Q_ID + 1);
    assert_int_equal(put_all(s, &put), -E2BIG);
    c.expect = bytes(Q_ID);
    c.next = bytes(Q_ID + 1);
    assert_int_equal(put_all(s, &put), -E2BIG);
    c.next = STR_NONE;
    assert_int_equal(put_all(s, &put), 0);
    c.name = bytes(Q_ID + 1);
    assert_int_equal(put_all(s, &put), -E2BIG);
    assert_int_equal(pass_some(s, "q", "", 1, &c), -E2BIG);
    q_cursor(s->q, bytes(Q_ID + 1), told_value, told_reset(s->t));
    assert_int_equal(wait_for(s), -E2BIG);
}

static void items_and_their_notes_and_puts_have_limits(void **state)
{
    struct qs *s = *state;
    static struct q_item items[Q_RECORDS + 1];
    static struct q_again agains[Q_RECORDS + 1];
    static struct q_end ends[Q_RECORDS + 1];
    static struct q_record puts[Q_RECORDS + 1];
    uint64_t token;

    for (int i = 0; i <= Q_RECORDS; i++) {
        puts[i] = (struct q_record){.queue = S("q"), .id = S("same")};
        ends[i].state = Q_DONE;
    }
    assert_int_equal(campaign_for(s, "w", 60000, &token), 0);
    assert_int_equal(extend_all(s, token, items, Q_RECORDS, 1), 0);
    assert_int_equal(s->t->n, Q_RECORDS);
    assert_int_equal(s->t->each[0], -ENOENT);
    assert_int_equal(extend_all(s, token, items, Q_RECORDS + 1, 1), -E2BIG);
    assert_int_equal(again_all(s, token, agains, Q_RECORDS), 0);
    assert_int_equal(again_all(s, token, agains, Q_RECORDS + 1), -E2BIG);
    assert_int_equal(finish_all(s, token, ends, Q_RECORDS), 0);
    assert_int_equal(finish_all(s, token, ends, Q_RECORDS + 1), -E2BIG);

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(lease_some(s, token, "q", 1), 0);
    agains[0] = (struct q_again){item_of(&s->t->events[0]), .note = bytes(Q_NOTE + 1)};
    assert_int_equal(again_all(s, token, agains, 1), -E2BIG);
    agains[0].note.n = Q_NOTE;
    assert_int_equal(again_one(s, token, agains), 0);
    assert_int_equal(lease_some(s, token, "q", 1), 0);
    assert_int_equal(s->t->events[0].note.n, Q_NOTE);
    ends[0] = (struct q_end){item_of(&s->t->events[0]), Q_DONE, bytes(Q_NOTE + 1), NULL, 0};
    assert_int_equal(finish_all(s, token, ends, 1), -E2BIG);
    ends[0].note.n = Q_NOTE;
    ends[0].puts = puts;
    ends[0].nputs = Q_RECORDS + 1;
    assert_int_equal(finish_all(s, token, ends, 1), -E2BIG);
    ends[0].nputs = Q_RECORDS;
    assert_int_equal(finish_one(s, token, ends), 0);
    assert_int_equal(cancel_id(s, "same", bytes(Q_NOTE + 1)), -E2BIG);
    assert_int_equal(cancel_id(s, "same", bytes(Q_NOTE)), 0);
}

static void names_that_are_asked_for_have_limits(void **state)
{
    struct qs *s = *state;
    struct q_want want = {bytes(Q_NAME), 1};
    uint64_t token;

    assert_int_equal(campaign_for(s, "w", 60000, &token), 0);
    assert_int_equal(lease_wants(s, token, &want, 1, 1), 0);
    want.queue.n++;
    assert_int_equal(lease_wants(s, token, &want, 1, 1), -E2BIG);
    assert_int_equal(list_some(s, &(struct q_filter){.queue = bytes(Q_NAME), .limit = Q_LIST}), 0);
    assert_int_equal(list_some(s, &(struct q_filter){.limit = Q_LIST + 1}), -E2BIG);
    assert_int_equal(list_some(s, &(struct q_filter){.queue = bytes(Q_NAME + 1), .limit = 1}),
                     -E2BIG);
    assert_int_equal(list_some(s, &(struct q_filter){.prefix = bytes(Q_NAME + 1), .limit = 1}),
                     -E2BIG);
    assert_int_equal(list_some(s, &(struct q_filter){.source = bytes(Q_SOURCE + 1), .limit = 1}),
                     -E2BIG);
    assert_int_equal(list_some(s, &(struct q_filter){.id = bytes(Q_ID + 1), .limit = 1}), -E2BIG);
    lease_campaign(s->q, bytes(Q_ID + 1), 1, told_count, told_reset(s->t));
    assert_int_equal(wait_for(s), -E2BIG);
    lease_campaign(s->q, bytes(Q_ID), 1, told_count, told_reset(s->t));
    assert_int_equal(wait_for(s), 0);
    q_pass(s->q, bytes(Q_NAME + 1), STR_NONE, 1, NULL, told_count, told_reset(s->t));
    assert_int_equal(wait_for(s), -E2BIG);
    q_pass(s->q, bytes(Q_NAME), STR_NONE, 1, NULL, told_count, told_reset(s->t));
    assert_int_equal(wait_for(s), 0);
}

/* A lease and a listing are cut by bytes: what is left comes with the next. */
static void an_answer_does_not_grow_without_end(void **state)
{
    struct qs *s = *state;
    struct q_record rec = {.queue = S("q"), .payload = bytes(Q_PAYLOAD)};
    char id[8];
    uint64_t token;
    uint32_t got = 0;

    assert_int_equal(campaign_for(s, "w", 60000, &token), 0);
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof(id), "%d", i);
        rec.id = str_of(id);
        assert_int_equal(put_one(s, &rec), 0);
    }
    assert_int_equal(list_some(s, &(struct q_filter){.limit = 5, .payload = true}), 0);
    assert_true(s->t->n >= 1 && s->t->n < 5 && s->t->more);
    while (got < 5) {
        assert_int_equal(lease_some(s, token, "q", 5), 0);
        assert_true(s->t->n >= 1 && s->t->n < 5);
        got += s->t->n;
        assert_int_equal(s->t->more, got < 5);
    }
    assert_int_equal(got, 5);
}

int main(void)
{
    static const struct queue_test contract[] = {
            QUEUE_TEST(each_field_of_a_record_has_its_limit),
            QUEUE_TEST(a_put_has_so_many_records_and_cursors),
            QUEUE_TEST(a_cursor_has_its_limits),
            QUEUE_TEST(items_and_their_notes_and_puts_have_limits),
            QUEUE_TEST(names_that_are_asked_for_have_limits),
            QUEUE_TEST(an_answer_does_not_grow_without_end),
    };

    return run_contract("queue limits", contract, sizeof(contract) / sizeof(contract[0]));
}
