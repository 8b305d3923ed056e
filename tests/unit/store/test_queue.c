/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of queue.h and lease.h: putting, leasing, again, ending, fencing. The others are in
 * test_queue_acts.c (acting on many), test_queue_limits.c, and test_queue_model.c. */
#include "store/queue.h"

#include <errno.h>

#include "base/clock.h"
#include "queue_backends.h"

static uint64_t hold(struct qs *s)
{
    uint64_t token;

    assert_int_equal(campaign_for(s, "w", 60000, &token), 0);
    assert_true(token > 0);
    return token;
}

static struct q_event *lease1(struct qs *s, uint64_t token, const char *queue)
{
    assert_int_equal(lease_some(s, token, queue, 1), 0);
    assert_int_equal(s->t->n, 1);
    return &s->t->events[0];
}

/* "a b c": the ids leased, in order. */
static void leased_are(struct qs *s, const char *want)
{
    char got[1000] = "";

    for (uint32_t i = 0; i < s->t->n; i++) {
        size_t n = strlen(got);

        snprintf(got + n, sizeof(got) - n, "%s%.*s", n > 0 ? " " : "", STR_ARG(s->t->events[i].id));
    }
    assert_string_equal(got, want);
}

static void what_was_put_is_leased_as_it_was(void **state)
{
    struct qs *s = *state;
    struct q_record rec = {.queue = S("q/1"),
                           .source = S("timer"),
                           .id = S("e\0\xff"),
                           .dedup = S("d"),
                           .order = S("k"),
                           .priority = 3,
                           .expires_ms = 77,
                           .attributes = S("{\"a\":1}"),
                           .payload = S("\0bytes")};
    uint64_t token = hold(s);
    int64_t before_ms = clock_store_ms();
    struct q_event *ev;

    assert_int_equal(put_one(s, &rec), 0);
    ev = lease1(s, token, "q/1");
    assert_int_equal(ev->seq, 1);
    t_str(ev->queue, rec.queue);
    t_str(ev->source, rec.source);
    t_str(ev->id, rec.id);
    t_str(ev->dedup, rec.dedup);
    t_str(ev->order, rec.order);
    t_str(ev->attributes, rec.attributes);
    t_str(ev->payload, rec.payload);
    t_str(ev->note, STR_NONE);
    assert_int_equal(ev->priority, 3);
    assert_int_equal(ev->state, Q_RUNNING);
    assert_int_equal(ev->attempt, 1);
    assert_int_equal(ev->expires_ms, 77);
    assert_int_equal(ev->token, token);
    assert_in_range(ev->created_ms, before_ms, clock_store_ms());
    assert_in_range(ev->at_ms, before_ms + 59000, clock_store_ms() + 61000);
}

static void no_completion_comes_before_the_call_returned(void **state)
{
    struct qs *s = *state;
    struct told *other = told_new();

    q_ready(s->q, told_ready, told_reset(s->t));
    q_put(s->q, &(struct q_put){0}, told_each, other);
    assert_false(s->t->done || other->done);
    loop_run_until(s->loop, &other->done);
    assert_true(s->t->done); /* carried out in order, told in order */
    assert_int_equal(other->r, 0);
    told_free(other);
}

static void seqs_count_without_gaps_whatever_is_refused(void **state)
{
    struct qs *s = *state;
    struct q_record two[2] = {{.queue = S("q"), .id = S("b")}, {.queue = S("q"), .id = S("c")}};

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(put_id(s, "q", "a"), -EEXIST);
    assert_int_equal(put_all(s, &(struct q_put){.records = two, .nrecords = 2, .bound = 2}),
                     -ENOBUFS);
    assert_int_equal(put_all(s, &(struct q_put){.records = two, .nrecords = 2, .bound = 3}), 0);
    assert_int_equal(list_id(s, "c"), 0);
    assert_int_equal(s->t->events[0].seq, 3);
}

static void a_known_id_is_left_out_and_the_rest_is_put(void **state)
{
    struct qs *s = *state;
    struct q_record recs[4] = {{.queue = S("q"), .id = S("a")},
                               {.queue = S("q"), .id = S("b")},
                               {.queue = S("p"), .id = S("b")}, /* ids: in the whole store */
                               {.queue = S("q"), .id = S("c")}};

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = 4}), 0);
    assert_int_equal(s->t->n, 4);
    assert_int_equal(s->t->each[0], -EEXIST);
    assert_int_equal(s->t->each[1], 0);
    assert_int_equal(s->t->each[2], -EEXIST);
    assert_int_equal(s->t->each[3], 0);
}

static void a_dedup_id_is_of_its_queue_and_as_long_as_the_event_is_kept(void **state)
{
    struct qs *s = *state;
    struct q_record rec = {.queue = S("q"), .id = S("a"), .dedup = S("d")};
    uint64_t token = hold(s);

    assert_int_equal(put_one(s, &rec), 0);
    rec.id = S("b");
    assert_int_equal(put_one(s, &rec), -EEXIST);
    rec.queue = S("p");
    assert_int_equal(put_one(s, &rec), 0);
    rec = (struct q_record){.queue = S("q"), .id = S("c"), .dedup = S("d")};
    assert_int_equal(end_one(s, token, item_of(lease1(s, token, "q")), Q_DONE), 0);
    assert_int_equal(put_one(s, &rec), -EEXIST);
    assert_int_equal(trim_some(s, INT64_MAX, 0, 10), 0);
    assert_int_equal(s->t->count, 1);
    assert_int_equal(put_one(s, &rec), 0);
}

static void a_bound_holds_for_each_queue_and_nothing_of_the_put_is_applied(void **state)
{
    struct qs *s = *state;
    struct q_record recs[3] = {{.queue = S("p"), .id = S("x")},
                               {.queue = S("q"), .id = S("b")},
                               {.queue = S("q"), .id = S("a")}};
    struct q_cursor cursor = {S("c"), STR_NONE, S("1")};
    struct q_put put = {
            .records = recs, .nrecords = 3, .cursors = &cursor, .ncursors = 1, .bound = 1};
    uint64_t token = hold(s);

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(put_all(s, &put), -ENOBUFS);
    assert_int_equal(s->t->n, 0);
    assert_int_equal(list_id(s, "x"), 0);
    assert_int_equal(s->t->n, 0);
    assert_int_equal(cursor_of(s, "c"), 0);
    t_str(s->t->value, STR_NONE);
    assert_int_equal(counts_of(s, &(struct q_filter){.queue = S("p")}), 0);
    assert_int_equal(s->t->n, 0);
    lease1(s, token, "q"); /* what runs does not wait */
    assert_int_equal(put_all(s, &put), 0);
    assert_int_equal(s->t->each[2], -EEXIST);
    /* Full: known ones may still be told so. */
    assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = 3, .bound = 1}), 0);
    assert_int_equal(s->t->each[0], -EEXIST);
}

/* A full queue is asked again and again: that must not keep the disk busy. */
static void what_is_refused_is_no_commit(void **state)
{
    struct qs *s = *state;
    struct q_record rec = {.queue = S("q"), .id = S("b")};
    uint64_t commits;

    assert_int_equal(put_id(s, "q", "a"), 0);
    commits = s->q->stats.commits;
    assert_int_equal(put_all(s, &(struct q_put){.records = &rec, .nrecords = 1, .bound = 1}),
                     -ENOBUFS);
    assert_int_equal(put_id(s, "q", "a"), -EEXIST);
    assert_int_equal(s->q->stats.commits, commits);
    assert_int_equal(put_one(s, &rec), 0);
    assert_int_equal(list_id(s, "b"), 0);
    assert_int_equal(s->t->events[0].seq, 2);
}

static void cursors_move_with_the_events_or_refuse_them(void **state)
{
    struct qs *s = *state;
    struct q_record rec = {.queue = S("q"), .id = S("a")};
    struct q_cursor c[2] = {{S("c"), STR_NONE, S("1")}, {S("d"), S("5"), S("6")}};
    struct q_put put = {.records = &rec, .nrecords = 1, .cursors = c, .ncursors = 2};

    assert_int_equal(put_all(s, &put), -ESTALE);
    assert_int_equal(list_id(s, "a"), 0);
    assert_int_equal(s->t->n, 0);
    c[1].expect = STR_NONE;
    assert_int_equal(put_all(s, &put), 0);
    assert_int_equal(put_all(s, &put), -ESTALE); /* told apart from -EEXIST */
    assert_int_equal(cursor_of(s, "d"), 0);
    t_str(s->t->value, S("6"));
    c[0] = (struct q_cursor){S("c"), S("1"), STR_NONE};
    assert_int_equal(put_all(s, &(struct q_put){.cursors = c, .ncursors = 1}), 0);
    assert_int_equal(cursor_of(s, "c"), 0);
    t_str(s->t->value, STR_NONE);
}

static void higher_priority_first_then_due_moments_then_order_of_put(void **state)
{
    struct qs *s = *state;
    int64_t now_ms = clock_store_ms();
    struct q_record recs[] = {{.queue = S("q"), .id = S("a")},
                              {.queue = S("q"), .id = S("late"), .not_before_ms = now_ms - 10},
                              {.queue = S("q"), .id = S("high"), .priority = 9},
                              {.queue = S("q"), .id = S("early"), .not_before_ms = now_ms - 20},
                              {.queue = S("q"), .id = S("never"), .not_before_ms = now_ms + 600000},
                              {.queue = S("q"), .id = S("b")},
                              {.queue = S("q"), .id = S("five"), .priority = 5}};
    uint64_t token = hold(s);

    assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = 7}), 0);
    assert_int_equal(lease_some(s, token, "q", 100), 0);
    leased_are(s, "high five early late a b");
}

static void each_wanted_queue_gets_up_to_its_own_number(void **state)
{
    struct qs *s = *state;
    struct q_want wants[] = {{S("flood"), 2}, {S("none"), 5}, {S("one"), 3}, {S("flood2"), 0}};
    uint64_t token = hold(s);
    char id[16];

    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof(id), "f%d", i);
        assert_int_equal(put_id(s, i % 2 ? "flood" : "flood2", id), 0);
    }
    assert_int_equal(put_id(s, "one", "x"), 0);
    assert_int_equal(lease_wants(s, token, wants, 4, 60000), 0);
    leased_are(s, "f1 f3 x");
    assert_int_equal(lease_wants(s, token, wants, 4, 60000), 0);
    leased_are(s, "f5 f7");
}

static void events_of_one_order_key_run_one_at_a_time_in_order(void **state)
{
    struct qs *s = *state;
    struct q_record recs[] = {{.queue = S("q"), .id = S("k1"), .order = S("k")},
                              {.queue = S("q"), .id = S("k2"), .order = S("k"), .priority = 9},
                              {.queue = S("q"), .id = S("m1"), .order = S("m")},
                              {.queue = S("p"), .id = S("p1"), .order = S("k")},
                              {.queue = S("q"), .id = S("k3"), .order = S("k")}};
    uint64_t token = hold(s);
    struct q_item k1;

    assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = 5}), 0);
    assert_int_equal(lease_some(s, token, "q", 100), 0);
    leased_are(s, "k1 m1");
    k1 = item_of(&s->t->events[0]);
    assert_int_equal(lease_some(s, token, "p", 100), 0); /* keys are of their queue */
    leased_are(s, "p1");
    /* Not while an earlier one waits for its retry either. */
    assert_int_equal(
            again_one(s, token, &(struct q_again){.item = k1, .at_ms = clock_store_ms() + 600000}),
            0);
    assert_int_equal(lease_some(s, token, "q", 100), 0);
    leased_are(s, "");
    assert_int_equal(cancel_id(s, "k1", STR_NONE), 0);
    assert_int_equal(lease_some(s, token, "q", 100), 0);
    leased_are(s, "k2");
    assert_int_equal(end_one(s, token, item_of(&s->t->events[0]), Q_DEAD), 0);
    assert_int_equal(lease_some(s, token, "q", 100), 0);
    leased_are(s, "k3");
    /* Driven again it is older than what runs, and waits for that. */
    assert_int_equal(redrive_some(s, &(struct q_filter){.id = S("k2"), .limit = 1}, 0), 0);
    assert_int_equal(s->t->count, 1);
    assert_int_equal(lease_some(s, token, "q", 100), 0);
    leased_are(s, "");
}

static void an_older_event_of_a_key_comes_back_before_the_newer_ones(void **state)
{
    struct qs *s = *state;
    struct q_record recs[] = {{.queue = S("q"), .id = S("k1"), .order = S("k")},
                              {.queue = S("q"), .id = S("k2"), .order = S("k")},
                              {.queue = S("q"), .id = S("k3"), .order = S("k")}};
    uint64_t token = hold(s);

    assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = 3}), 0);
    assert_int_equal(end_one(s, token, item_of(lease1(s, token, "q")), Q_DEAD), 0);
    assert_int_equal(redrive_some(s, &(struct q_filter){.limit = 1}, 0), 0);
    assert_int_equal(lease_some(s, token, "q", 100), 0);
    leased_are(s, "k1");
    assert_int_equal(s->t->events[0].attempt, 1); /* from the beginning */
}

static void what_waits_again_keeps_its_attempts_and_note(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);
    struct q_item item;

    assert_int_equal(put_id(s, "q", "a"), 0);
    item = item_of(lease1(s, token, "q"));
    assert_int_equal(again_one(s, token, &(struct q_again){.item = item, .note = S("tried")}), 0);
    assert_int_equal(list_id(s, "a"), 0);
    assert_int_equal(s->t->events[0].state, Q_WAITING);
    assert_int_equal(s->t->events[0].token, 0);
    item = item_of(lease1(s, token, "q"));
    assert_int_equal(item.attempt, 2);
    t_str(s->t->events[0].note, S("tried"));
    assert_int_equal(again_one(s, token, &(struct q_again){.item = item, .uncounted = true}), 0);
    item = item_of(lease1(s, token, "q"));
    assert_int_equal(item.attempt, 2); /* released: that try did not happen */
    assert_int_equal(
            finish_one(s, token, &(struct q_end){.item = item, .state = Q_DONE, .note = S("")}), 0);
    assert_int_equal(list_id(s, "a"), 0);
    assert_int_equal(s->t->events[0].state, Q_DONE);
    t_str(s->t->events[0].note, STR_NONE);
}

static void each_item_is_judged_by_itself(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);
    struct q_end ends[3];
    struct q_item a, b;

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(put_id(s, "q", "b"), 0);
    a = item_of(lease1(s, token, "q"));
    b = item_of(lease1(s, token, "q"));
    ends[0] = (struct q_end){.item = {b.seq, b.attempt + 1}, .state = Q_DONE};
    ends[1] = (struct q_end){.item = {99, 1}, .state = Q_DONE};
    ends[2] = (struct q_end){.item = a, .state = Q_DONE};
    assert_int_equal(finish_all(s, token, ends, 3), 0);
    assert_int_equal(s->t->n, 3);
    assert_int_equal(s->t->each[0], -ESTALE);
    assert_int_equal(s->t->each[1], -ENOENT);
    assert_int_equal(s->t->each[2], 0);
    assert_int_equal(end_one(s, token, a, Q_DONE), 0); /* asked before: done once, told twice */
    assert_int_equal(end_one(s, token, a, Q_DEAD), -ESTALE);
    assert_int_equal(again_one(s, token, &(struct q_again){.item = a}), -ESTALE);
    assert_int_equal(again_one(s, token, &(struct q_again){.item = b}), 0);
    assert_int_equal(again_one(s, token, &(struct q_again){.item = b}), 0);
    assert_int_equal(end_one(s, token, b, Q_DONE), -ESTALE); /* it waits */
}

static void an_end_and_its_puts_are_one(void **state)
{
    struct qs *s = *state;
    struct q_record puts[2] = {{.queue = S("told"), .id = S("a/told")},
                               {.queue = S("q"), .id = S("known")}};
    uint64_t token = hold(s);
    struct q_end end = {.state = Q_DONE, .puts = puts, .nputs = 2};

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(put_id(s, "q", "known"), 0);
    end.item = item_of(lease1(s, token, "q"));
    end.item.attempt++;
    assert_int_equal(finish_one(s, token, &end), -ESTALE);
    assert_int_equal(list_id(s, "a/told"), 0);
    assert_int_equal(s->t->n, 0);
    end.item.attempt--;
    assert_int_equal(finish_one(s, token, &end), 0);
    assert_int_equal(finish_one(s, token, &end), 0);
    assert_int_equal(list_some(s, &(struct q_filter){.limit = 10}), 0);
    leased_are(s, "a/told known a");
}

static void a_lease_that_ran_out_may_be_taken_again(void **state)
{
    struct qs *s = *state;
    struct q_want want = {S("q"), 10};
    uint64_t token = hold(s);
    struct q_item first, second;

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(lease_wants(s, token, &want, 1, 0), 0);
    leased_are(s, "a");
    first = item_of(&s->t->events[0]);
    assert_int_equal(lease_wants(s, token, &want, 1, 60000), 0);
    leased_are(s, "a");
    assert_int_equal(s->t->events[0].attempt, 2);
    second = item_of(&s->t->events[0]);
    assert_int_equal(end_one(s, token, first, Q_DONE), -ESTALE);
    assert_int_equal(lease_wants(s, token, &want, 1, 60000), 0);
    leased_are(s, "");
    assert_int_equal(end_one(s, token, second, Q_DONE), 0);
    assert_int_equal(end_one(s, token, first, Q_DONE), -ESTALE); /* not what it asked for before */
}

static void an_extended_lease_lasts(void **state)
{
    struct qs *s = *state;
    struct q_want want = {S("q"), 10};
    struct q_item items[2];
    uint64_t token = hold(s);

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(lease_wants(s, token, &want, 1, 0), 0);
    items[0] = item_of(&s->t->events[0]);
    items[1] = (struct q_item){7, 1};
    assert_int_equal(extend_all(s, token, items, 2, 60000), 0);
    assert_int_equal(s->t->each[0], 0);
    assert_int_equal(s->t->each[1], -ENOENT);
    assert_int_equal(lease_wants(s, token, &want, 1, 0), 0);
    leased_are(s, "");
    assert_int_equal(extend_all(s, token, items, 1, 0), 0);
    assert_int_equal(lease_wants(s, token, &want, 1, 0), 0);
    leased_are(s, "a");
    assert_int_equal(extend_all(s, token, items, 1, 60000), 0);
    assert_int_equal(s->t->each[0], -ESTALE);
}

static void a_new_holder_fences_the_old_one_off(void **state)
{
    struct qs *s = *state;
    uint64_t old = hold(s), now;
    struct q_item item;

    assert_int_equal(put_id(s, "q", "a"), 0);
    item = item_of(lease1(s, old, "q"));
    assert_int_equal(campaign_for(s, "w", 60000, &now), -EBUSY);
    assert_int_equal(now, 0);
    assert_int_equal(keep_it(s, "w", old, 0), 0); /* and so it has run out */
    assert_int_equal(keep_it(s, "w", old, 0), 0); /* but is still his */
    assert_int_equal(campaign_for(s, "w", 60000, &now), 0);
    assert_true(now > old);
    assert_int_equal(keep_it(s, "w", old, 60000), -ESTALE);
    assert_int_equal(revoke_it(s, "w", old), -ESTALE);
    assert_int_equal(lease_some(s, old, "q", 1), -ESTALE);
    assert_int_equal(end_one(s, old, item, Q_DONE), -ESTALE);
    assert_int_equal(again_one(s, old, &(struct q_again){.item = item}), -ESTALE);
    assert_int_equal(extend_all(s, old, &item, 1, 60000), -ESTALE);
    item = item_of(lease1(s, now, "q")); /* at once: of an older token */
    assert_int_equal(item.attempt, 2);
    assert_int_equal(end_one(s, now, item, Q_DONE), 0);
}

static void leases_of_different_names_do_not_meet(void **state)
{
    struct qs *s = *state;
    uint64_t a, b;

    assert_int_equal(campaign_for(s, "a", 60000, &a), 0);
    assert_int_equal(campaign_for(s, "b", 60000, &b), 0);
    assert_int_equal(put_id(s, "q", "1"), 0);
    lease1(s, a, "q");
    assert_int_equal(lease_some(s, b, "q", 1), 0);
    assert_int_equal(s->t->n, 0); /* a is there and works on it */
    assert_int_equal(revoke_it(s, "a", b), -ESTALE);
    assert_int_equal(revoke_it(s, "a", a), 0);
    assert_int_equal(revoke_it(s, "a", a), -ESTALE);
    lease1(s, b, "q");
}

static void a_revoked_lease_is_free_at_once_and_its_token_is_gone(void **state)
{
    struct qs *s = *state;
    uint64_t old = hold(s), now;

    assert_int_equal(revoke_it(s, "w", old), 0);
    assert_int_equal(lease_some(s, old, "q", 1), -ESTALE);
    assert_int_equal(lease_some(s, 0, "q", 1), -ESTALE);
    now = hold(s);
    assert_true(now > old);
}

static void everything_is_there_after_it_was_opened_again(void **state)
{
    struct fix *f = *state;
    struct qs *s = *state;
    struct q_cursor cursor = {S("c"), STR_NONE, S("1")};
    uint64_t old = hold(s), now;

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(put_id(s, "q", "b"), 0);
    assert_int_equal(put_all(s, &(struct q_put){.cursors = &cursor, .ncursors = 1}), 0);
    lease1(s, old, "q");
    reopen(f);
    assert_int_equal(keep_it(s, "w", old, 60000), -ESTALE);
    now = hold(s); /* at once: whoever held it is gone */
    assert_true(now > old);
    assert_int_equal(lease_some(s, now, "q", 10), 0);
    leased_are(s, "a b");
    assert_int_equal(s->t->events[0].attempt, 2);
    assert_int_equal(put_id(s, "q", "b"), -EEXIST);
    assert_int_equal(put_id(s, "q", "c"), 0);
    assert_int_equal(list_id(s, "c"), 0);
    assert_int_equal(s->t->events[0].seq, 3);
    assert_int_equal(cursor_of(s, "c"), 0);
    t_str(s->t->value, S("1"));
    assert_int_equal(counts_of(s, &(struct q_filter){0}), 0);
    assert_int_equal(s->t->n, 1);
    assert_int_equal(s->t->rows[0].accepted, 3);
    assert_int_equal(s->t->rows[0].counts[Q_RUNNING], 2);
    assert_int_equal(s->t->rows[0].counts[Q_WAITING], 1);
}

/* A name is written with the first change that needs it, not with the call that first said it. */
static void a_queue_first_named_in_vain_is_there_later(void **state)
{
    struct fix *f = *state;
    struct qs *s = *state;

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(put_id(s, "new", "a"), -EEXIST);
    assert_int_equal(put_id(s, "new", "b"), 0);
    reopen(f);
    assert_int_equal(list_some(s, &(struct q_filter){.queue = S("new"), .limit = 2}), 0);
    leased_are(s, "b");
}

static void totals_tell_what_was_done(void **state)
{
    struct fix *f = *state;
    struct qs *s = *state;
    const struct q_stats *st = &s->q->stats;
    uint64_t token = hold(s);

    if (f->backend != &queue_backends[0]) /* the others keep none */
        return;
    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(put_id(s, "q", "a"), -EEXIST);
    assert_int_equal(again_one(s, token, &(struct q_again){item_of(lease1(s, token, "q"))}), 0);
    assert_int_equal(end_one(s, token, item_of(lease1(s, token, "q")), Q_DONE), 0);
    assert_int_equal(cancel_id(s, "none", STR_NONE), -ENOENT);
    assert_int_equal(st->puts, 1);
    assert_int_equal(st->leases, 2);
    assert_int_equal(st->agains, 1);
    assert_int_equal(st->ends, 1);
    assert_int_equal(st->commits, 6); /* with the campaign */
    assert_int_equal(st->errors, 1);
    assert_int_equal(st->damaged, 0);
    assert_true(st->bytes > 4096);
}

static void what_was_asked_before_closing_is_carried_out(void **state)
{
    struct fix *f = *state;
    struct qs *s = *state;
    struct q_record rec = {.queue = S("q"), .id = S("a")};

    q_put(s->q, &(struct q_put){.records = &rec, .nrecords = 1}, told_each, told_reset(s->t));
    q_close(s->q);
    assert_true(s->t->done);
    assert_int_equal(s->t->r, 0);
    s->q = f->backend->open(s->loop, f->dir);
    assert_int_equal(put_one(s, &rec), -EEXIST);
}

static void a_call_whose_deadline_passed_is_not_applied(void **state)
{
    struct qs *s = *state;
    struct q_record rec = {.queue = S("q"), .id = S("a")};
    struct q_want want = {S("q"), 1};
    uint64_t token = hold(s);

    assert_int_equal(put_all(s, &(struct q_put){.records = &rec, .nrecords = 1, .deadline_ns = 1}),
                     -EAGAIN);
    assert_int_equal(put_one(s, &rec), 0);
    q_lease(s->q, &(struct q_lease){.token = token, .wants = &want, .nwants = 1, .deadline_ns = 1},
            told_events, told_reset(s->t));
    assert_int_equal(wait_for(s), -EAGAIN);
    lease1(s, token, "q");
}

int main(void)
{
    static const struct queue_test contract[] = {
            QUEUE_TEST(what_was_put_is_leased_as_it_was),
            QUEUE_TEST(no_completion_comes_before_the_call_returned),
            QUEUE_TEST(seqs_count_without_gaps_whatever_is_refused),
            QUEUE_TEST(a_known_id_is_left_out_and_the_rest_is_put),
            QUEUE_TEST(a_dedup_id_is_of_its_queue_and_as_long_as_the_event_is_kept),
            QUEUE_TEST(a_bound_holds_for_each_queue_and_nothing_of_the_put_is_applied),
            QUEUE_TEST(what_is_refused_is_no_commit),
            QUEUE_TEST(cursors_move_with_the_events_or_refuse_them),
            QUEUE_TEST(higher_priority_first_then_due_moments_then_order_of_put),
            QUEUE_TEST(each_wanted_queue_gets_up_to_its_own_number),
            QUEUE_TEST(events_of_one_order_key_run_one_at_a_time_in_order),
            QUEUE_TEST(an_older_event_of_a_key_comes_back_before_the_newer_ones),
            QUEUE_TEST(what_waits_again_keeps_its_attempts_and_note),
            QUEUE_TEST(each_item_is_judged_by_itself),
            QUEUE_TEST(an_end_and_its_puts_are_one),
            QUEUE_TEST(a_lease_that_ran_out_may_be_taken_again),
            QUEUE_TEST(an_extended_lease_lasts),
            QUEUE_TEST(a_new_holder_fences_the_old_one_off),
            QUEUE_TEST(leases_of_different_names_do_not_meet),
            QUEUE_TEST(a_revoked_lease_is_free_at_once_and_its_token_is_gone),
            QUEUE_TEST(everything_is_there_after_it_was_opened_again),
            QUEUE_TEST(a_queue_first_named_in_vain_is_there_later),
            QUEUE_TEST(totals_tell_what_was_done),
            QUEUE_TEST(what_was_asked_before_closing_is_carried_out),
            QUEUE_TEST(a_call_whose_deadline_passed_is_not_applied),
    };

    return run_contract("queue", contract, sizeof(contract) / sizeof(contract[0]));
}
