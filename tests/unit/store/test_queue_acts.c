/* SPDX-License-Identifier: Apache-2.0 */
/* The contract of queue.h: looking, and acting on what is found: cancel, redrive, purge, trim, list,
 * counts, ready, pass, backup. */
#include <errno.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "queue_backends.h"
#include "store/queue.h"

static uint64_t hold(struct qs *s)
{
    uint64_t token;

    assert_int_equal(campaign_for(s, "w", 60000, &token), 0);
    return token;
}

/* "a b c": the ids told, in order. */
static void told_are(struct qs *s, const char *want)
{
    char got[1000] = "";

    for (uint32_t i = 0; i < s->t->n; i++) {
        size_t n = strlen(got);

        snprintf(got + n, sizeof(got) - n, "%s%.*s", n > 0 ? " " : "", STR_ARG(s->t->events[i].id));
    }
    assert_string_equal(got, want);
}

/* One more event of a queue, brought into a state. */
static void put_in(struct qs *s, uint64_t token, const char *queue, const char *source,
                   const char *id, enum q_state state)
{
    struct q_record rec = {.queue = str_of(queue), .source = str_of(source), .id = str_of(id)};

    assert_int_equal(put_one(s, &rec), 0);
    if (state == Q_WAITING)
        return;
    assert_int_equal(lease_some(s, token, queue, 1), 0);
    assert_int_equal(s->t->n, 1);
    if (state != Q_RUNNING)
        assert_int_equal(end_one(s, token, item_of(&s->t->events[0]), state), 0);
}

static enum q_state state_of(struct qs *s, const char *id)
{
    assert_int_equal(list_id(s, id), 0);
    assert_int_equal(s->t->n, 1);
    return s->t->events[0].state;
}

/* One event in each state but waiting and purged, one waiting. In that order of put. */
static uint64_t put_some(struct qs *s)
{
    uint64_t token = hold(s);

    put_in(s, token, "q/a", "", "done", Q_DONE);
    put_in(s, token, "q/a", "t", "dead", Q_DEAD);
    put_in(s, token, "q/b", "t", "expired", Q_EXPIRED);
    put_in(s, token, "q/b", "", "cancelled", Q_CANCELLED);
    put_in(s, token, "q/a", "t", "running", Q_RUNNING);
    put_in(s, token, "p", "", "waiting", Q_WAITING);
    return token;
}

static void only_what_waits_is_cancelled(void **state)
{
    struct qs *s = *state;

    put_some(s);
    assert_int_equal(cancel_id(s, "none", STR_NONE), -ENOENT);
    assert_int_equal(cancel_id(s, "running", STR_NONE), -EBUSY);
    assert_int_equal(cancel_id(s, "done", STR_NONE), -EBUSY);
    assert_int_equal(cancel_id(s, "dead", STR_NONE), -EBUSY);
    assert_int_equal(cancel_id(s, "waiting", S("by hand")), 0);
    assert_int_equal(s->t->count, 1);
    assert_int_equal(cancel_id(s, "waiting", STR_NONE), -EBUSY);
    assert_int_equal(state_of(s, "waiting"), Q_CANCELLED);
    t_str(s->t->events[0].note, S("by hand"));
    assert_true(s->t->events[0].at_ms <= clock_store_ms());
}

static void dead_ones_are_driven_again_from_the_beginning(void **state)
{
    struct qs *s = *state;
    uint64_t token = put_some(s);

    put_in(s, token, "p2", "u", "dead2", Q_DEAD);
    put_in(s, token, "q/a", "u", "waiting2", Q_WAITING);
    assert_int_equal(redrive_some(s, &(struct q_filter){.id = S("done"), .limit = 1}, 9), 0);
    assert_int_equal(s->t->count, 0);
    assert_int_equal(redrive_some(s, &(struct q_filter){.source = S("t"), .limit = 10}, 99), 0);
    assert_int_equal(s->t->count, 1);
    assert_int_equal(state_of(s, "dead"), Q_WAITING);
    assert_int_equal(s->t->events[0].attempt, 0);
    assert_int_equal(s->t->events[0].expires_ms, 99);
    assert_int_equal(state_of(s, "dead2"), Q_DEAD);
    assert_int_equal(lease_some(s, token, "q/a", 10), 0);
    told_are(s, "dead waiting2");
}

static void redriving_takes_the_oldest_up_to_the_limit(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);

    put_in(s, token, "q", "", "a", Q_DEAD);
    put_in(s, token, "q", "", "b", Q_DEAD);
    put_in(s, token, "q", "", "c", Q_DEAD);
    assert_int_equal(redrive_some(s, &(struct q_filter){.queue = S("q"), .limit = 2}, 0), 0);
    assert_int_equal(s->t->count, 2);
    assert_int_equal(state_of(s, "c"), Q_DEAD);
}

static void what_waits_or_is_dead_is_purged_and_nothing_else(void **state)
{
    struct qs *s = *state;

    put_some(s);
    assert_int_equal(purge_some(s, &(struct q_filter){.states = 1u << Q_RUNNING | 1u << Q_DONE,
                                                      .limit = 10}),
                     0);
    assert_int_equal(s->t->count, 0);
    assert_int_equal(purge_some(s, &(struct q_filter){.states = 1u << Q_DEAD, .limit = 10}), 0);
    assert_int_equal(s->t->count, 1);
    assert_int_equal(state_of(s, "dead"), Q_PURGED);
    assert_int_equal(purge_some(s, &(struct q_filter){.limit = 10}), 0);
    assert_int_equal(s->t->count, 1);
    assert_int_equal(state_of(s, "waiting"), Q_PURGED);
    assert_int_equal(state_of(s, "running"), Q_RUNNING);
}

static void a_listing_is_newest_first_by_pages(void **state)
{
    struct qs *s = *state;
    uint64_t before;

    put_some(s);
    assert_int_equal(list_some(s, &(struct q_filter){.limit = 4}), 0);
    told_are(s, "waiting running cancelled expired");
    assert_true(s->t->more);
    before = s->t->events[3].seq;
    assert_int_equal(list_some(s, &(struct q_filter){.limit = 4, .before = before}), 0);
    told_are(s, "dead done");
    assert_false(s->t->more);
    assert_int_equal(list_some(s, &(struct q_filter){.limit = 2, .before = before}), 0);
    told_are(s, "dead done");
    assert_false(s->t->more);
}

static void a_filter_fits_what_it_says(void **state)
{
    struct qs *s = *state;
    int64_t now_ms;

    put_some(s);
    assert_int_equal(list_some(s, &(struct q_filter){.queue = S("q/a"), .limit = 9}), 0);
    told_are(s, "running dead done");
    assert_int_equal(list_some(s, &(struct q_filter){.prefix = S("q/"), .limit = 9}), 0);
    told_are(s, "running cancelled expired dead done");
    assert_int_equal(list_some(s, &(struct q_filter){.queue = S("none"), .limit = 9}), 0);
    told_are(s, "");
    assert_int_equal(list_some(s, &(struct q_filter){.source = S("t"), .limit = 9}), 0);
    told_are(s, "running expired dead");
    assert_int_equal(list_some(s, &(struct q_filter){.source = S(""), .limit = 9}), 0);
    told_are(s, "waiting cancelled done");
    for (int i = 0; i < Q_PURGED; i++) {
        assert_int_equal(list_some(s, &(struct q_filter){.states = 1u << i, .limit = 9}), 0);
        told_are(s, q_state_names[i]);
    }
    assert_int_equal(list_some(s, &(struct q_filter){.queue = S("q/a"),
                                                     .states = 1u << Q_DEAD | 1u << Q_WAITING,
                                                     .limit = 9}),
                     0);
    told_are(s, "dead");
    assert_int_equal(
            list_some(s, &(struct q_filter){.queue = S("q/a"), .states = 1u << Q_DEAD, .limit = 9}),
            0);
    told_are(s, "dead");
    assert_int_equal(list_some(s, &(struct q_filter){.id = S("dead"), .queue = S("p"), .limit = 1}),
                     0);
    told_are(s, "");
    assert_int_equal(list_id(s, "dead"), 0);
    now_ms = s->t->events[0].created_ms;
    assert_int_equal(
            list_some(s, &(struct q_filter){.id = S("dead"), .since_ms = now_ms, .limit = 1}), 0);
    told_are(s, "dead");
    assert_int_equal(
            list_some(s, &(struct q_filter){.id = S("dead"), .since_ms = now_ms + 1, .limit = 1}),
            0);
    told_are(s, "");
    assert_int_equal(
            list_some(s, &(struct q_filter){.id = S("dead"), .until_ms = now_ms, .limit = 1}), 0);
    told_are(s, "");
    assert_int_equal(
            list_some(s, &(struct q_filter){.id = S("dead"), .until_ms = now_ms + 1, .limit = 1}),
            0);
    told_are(s, "dead");
}

static void a_listing_has_payloads_only_where_asked_for(void **state)
{
    struct qs *s = *state;
    struct q_record rec = {
            .queue = S("q"), .id = S("a"), .attributes = S("at"), .payload = S("bytes")};

    assert_int_equal(put_one(s, &rec), 0);
    assert_int_equal(list_some(s, &(struct q_filter){.limit = 1}), 0);
    t_str(s->t->events[0].attributes, S("at"));
    t_str(s->t->events[0].payload, STR_NONE);
    assert_int_equal(list_some(s, &(struct q_filter){.limit = 1, .payload = true}), 0);
    t_str(s->t->events[0].payload, S("bytes"));
}

static void put_many(struct qs *s, const char *queue, uint32_t n)
{
    static char ids[Q_RECORDS][40];
    static struct q_record recs[Q_RECORDS];

    for (uint32_t at = 0; at < n; at += Q_RECORDS) {
        for (uint32_t i = 0; i < Q_RECORDS; i++) {
            snprintf(ids[i], sizeof(ids[i]), "%s-%u", queue, at + i);
            recs[i] = (struct q_record){.queue = str_of(queue), .id = str_of(ids[i])};
        }
        assert_int_equal(
                put_all(s, &(struct q_put){.records = recs,
                                           .nrecords = n - at < Q_RECORDS ? n - at : Q_RECORDS}),
                0);
    }
}

/* More than one piece of a walk: see queue_walk.c. */
static void the_one_that_fits_is_found_among_many(void **state)
{
    struct qs *s = *state;
    struct q_filter f = {.source = S("rare"), .limit = 9};
    uint64_t token = hold(s);

    put_in(s, token, "r", "rare", "first", Q_DEAD);
    put_many(s, "q", 4500);
    put_in(s, token, "r", "rare", "last", Q_DEAD);
    assert_int_equal(list_some(s, &f), 0);
    told_are(s, "last first");
    assert_false(s->t->more);
    f.limit = 1;
    assert_int_equal(list_some(s, &f), 0);
    told_are(s, "last");
    assert_true(s->t->more);
    f.limit = 9;
    assert_int_equal(redrive_some(s, &f, 0), 0);
    assert_int_equal(s->t->count, 2);
    assert_int_equal(purge_some(s, &f), 0);
    assert_int_equal(s->t->count, 2);
}

struct beside {
    struct queue *q;
    struct told *walk;
    uint32_t puts; /* that were told while the walk was under way */
    bool done;
};

static void put_beside(struct beside *b);

static void on_beside(void *user, int r, const int *ret, uint32_t n)
{
    struct beside *b = user;

    assert_int_equal(r, 0);
    assert_int_equal(n, 1);
    assert_int_equal(ret[0], 0);
    b->done = b->walk->done;
    b->puts += !b->done;
    if (!b->done)
        put_beside(b);
}

static void put_beside(struct beside *b)
{
    char id[24];
    struct q_record rec = {.queue = S("beside")};

    snprintf(id, sizeof(id), "beside-%u", b->puts);
    rec.id = str_of(id);
    q_put(b->q, &(struct q_put){.records = &rec, .nrecords = 1}, on_beside, b);
}

static void others_go_on_beside_a_long_walk(void **state)
{
    struct qs *s = *state;
    struct beside b = {.q = s->q, .walk = told_new()};

    put_many(s, "q", 40000);
    q_list(s->q, &(struct q_filter){.source = S("none"), .limit = 9}, told_events, b.walk);
    put_beside(&b);
    loop_run_until(s->loop, &b.done);
    assert_true(b.puts > 0);
    assert_int_equal(b.walk->r, 0);
    assert_int_equal(b.walk->n, 0);
    told_free(b.walk);
}

static void the_ledger_has_a_row_per_queue_and_source(void **state)
{
    struct qs *s = *state;

    put_some(s);
    assert_int_equal(counts_of(s, &(struct q_filter){0}), 0);
    assert_int_equal(s->t->n, 5);
    t_str(s->t->rows[0].queue, S("p"));
    t_str(s->t->rows[1].queue, S("q/a"));
    t_str(s->t->rows[1].source, S(""));
    t_str(s->t->rows[2].source, S("t"));
    assert_int_equal(s->t->rows[2].accepted, 2);
    assert_int_equal(s->t->rows[2].counts[Q_RUNNING], 1);
    assert_int_equal(s->t->rows[2].counts[Q_DEAD], 1);
    for (uint32_t i = 0; i < s->t->n; i++) {
        uint64_t sum = 0;

        for (int k = 0; k < Q_STATES; k++)
            sum += s->t->rows[i].counts[k];
        assert_int_equal(sum, s->t->rows[i].accepted);
    }
    assert_int_equal(counts_of(s, &(struct q_filter){.prefix = S("q/"), .source = S("t")}), 0);
    assert_int_equal(s->t->n, 2);
    assert_int_equal(counts_of(s, &(struct q_filter){.queue = S("q/")}), 0);
    assert_int_equal(s->t->n, 0);
}

static void what_passed_by_stands_apart_and_moves_its_cursor(void **state)
{
    struct qs *s = *state;
    struct q_cursor c = {S("c"), STR_NONE, S("7")};

    assert_int_equal(pass_some(s, "q", "t", 3, &c), 0);
    assert_int_equal(s->t->count, 3);
    assert_int_equal(pass_some(s, "q", "t", 3, &c), -ESTALE);
    assert_int_equal(pass_some(s, "q", "t", 2, NULL), 0);
    assert_int_equal(cursor_of(s, "c"), 0);
    t_str(s->t->value, S("7"));
    assert_int_equal(counts_of(s, &(struct q_filter){0}), 0);
    assert_int_equal(s->t->n, 1);
    assert_int_equal(s->t->rows[0].passed, 5);
    assert_int_equal(s->t->rows[0].accepted, 0);
}

static void ready_tells_of_each_queue_when_one_may_be_leased(void **state)
{
    struct qs *s = *state;
    int64_t now_ms = clock_store_ms();
    struct q_record recs[] = {
            {.queue = S("later"), .id = S("1"), .not_before_ms = now_ms + 90000},
            {.queue = S("later"), .id = S("2"), .not_before_ms = now_ms + 60000, .priority = 2},
            {.queue = S("now"), .id = S("3")},
            {.queue = S("runs"), .id = S("4")},
            {.queue = S("over"), .id = S("5")}};
    uint64_t token = hold(s);

    assert_int_equal(put_all(s, &(struct q_put){.records = recs, .nrecords = 5}), 0);
    assert_int_equal(lease_some(s, token, "over", 1), 0);
    assert_int_equal(end_one(s, token, item_of(&s->t->events[0]), Q_DONE), 0);
    assert_int_equal(lease_some(s, token, "runs", 1), 0);
    assert_int_equal(ready_all(s), 0);
    assert_int_equal(s->t->n, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct q_ready *q = &s->t->queues[i];

        if (str_eq(q->queue, S("later"))) {
            assert_int_equal(q->waiting, 2);
            assert_int_equal(q->at_ms, now_ms + 60000);
        } else if (str_eq(q->queue, S("now"))) {
            assert_int_equal(q->waiting, 1);
            assert_true(q->at_ms <= clock_store_ms());
        } else {
            t_str(q->queue, S("runs"));
            assert_int_equal(q->running, 1);
            assert_in_range(q->at_ms, now_ms + 50000, clock_store_ms() + 60000);
        }
    }
    assert_int_equal(revoke_it(s, "w", token), 0);
    assert_int_equal(ready_all(s), 0);
    for (uint32_t i = 0; i < 3; i++)
        if (str_eq(s->t->queues[i].queue, S("runs")))
            assert_true(s->t->queues[i].at_ms <= clock_store_ms()); /* its holder is gone */
}

static void trimming_takes_the_oldest_ended_and_no_dead_ones(void **state)
{
    struct qs *s = *state;
    char id[8];
    uint64_t token = put_some(s);

    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof(id), "e%d", i);
        put_in(s, token, "z", "", id, Q_DONE);
    }
    assert_int_equal(trim_some(s, 0, 8, 10), 0); /* 8 have ended: none is too old, none too many */
    assert_int_equal(s->t->count, 0);
    assert_int_equal(trim_some(s, 0, 7, 10), 0);
    assert_int_equal(s->t->count, 1);
    assert_int_equal(list_id(s, "done"), 0);
    assert_int_equal(s->t->n, 0);
    assert_int_equal(trim_some(s, INT64_MAX, 7, 2), 0); /* all are too old; not more than asked */
    assert_int_equal(s->t->count, 2);
    assert_int_equal(trim_some(s, INT64_MAX, 7, 100), 0);
    assert_int_equal(s->t->count, 5);
    assert_int_equal(list_some(s, &(struct q_filter){.limit = 10}), 0);
    told_are(s, "waiting running dead");
    assert_int_equal(counts_of(s, &(struct q_filter){.queue = S("z")}), 0);
    assert_int_equal(s->t->rows[0].counts[Q_DONE], 5); /* the ledger still counts them */
}

static void a_trimmed_event_is_no_longer_known(void **state)
{
    struct qs *s = *state;
    uint64_t token = hold(s);
    struct q_item item;

    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(lease_some(s, token, "q", 1), 0);
    item = item_of(&s->t->events[0]);
    assert_int_equal(end_one(s, token, item, Q_DONE), 0);
    assert_int_equal(trim_some(s, INT64_MAX, 0, 10), 0);
    assert_int_equal(end_one(s, token, item, Q_DONE), -ENOENT);
    assert_int_equal(cancel_id(s, "a", STR_NONE), -ENOENT);
    assert_int_equal(put_id(s, "q", "a"), 0);
    assert_int_equal(list_id(s, "a"), 0);
    assert_int_equal(s->t->events[0].seq, 2);
}

static void a_backup_is_the_store_as_it_was(void **state)
{
    struct fix *f = *state;
    struct qs *s = *state;
    struct queue *was = s->q;
    char *dir = xasprintf("%s/copy", f->dir);
    char *path = xasprintf("%s/queue.db", dir);
    uint64_t token;

    assert_int_equal(mkdir(dir, 0700), 0);
    put_some(s);
    put_many(s, "many", 3000);
    assert_int_equal(backup_to(s, path), 0);
    assert_int_equal(backup_to(s, path), -EEXIST);
    assert_int_equal(put_id(s, "q", "later"), 0);
    s->q = f->backend->open(s->loop, dir);
    assert_non_null(s->q);
    token = hold(s);
    assert_int_equal(list_id(s, "later"), 0);
    assert_int_equal(s->t->n, 0);
    assert_int_equal(lease_some(s, token, "q/a", 10), 0);
    told_are(s, "running"); /* whoever held it is not here */
    assert_int_equal(lease_some(s, token, "many", 1000), 0);
    assert_int_equal(s->t->n, 1000);
    q_close(s->q);
    s->q = was;
    free(path);
    free(dir);
}

static void states_have_names(void **state)
{
    enum q_state got;

    (void)state;
    for (int i = 0; i < Q_STATES; i++) {
        assert_int_equal(q_state_of(str_of(q_state_names[i]), &got), 0);
        assert_int_equal(got, i);
    }
    assert_int_equal(q_state_of(S("Waiting"), &got), -EINVAL);
    assert_int_equal(q_state_of(STR_NONE, &got), -EINVAL);
}

int main(void)
{
    static const struct queue_test contract[] = {
            QUEUE_TEST(only_what_waits_is_cancelled),
            QUEUE_TEST(dead_ones_are_driven_again_from_the_beginning),
            QUEUE_TEST(redriving_takes_the_oldest_up_to_the_limit),
            QUEUE_TEST(what_waits_or_is_dead_is_purged_and_nothing_else),
            QUEUE_TEST(a_listing_is_newest_first_by_pages),
            QUEUE_TEST(a_filter_fits_what_it_says),
            QUEUE_TEST(a_listing_has_payloads_only_where_asked_for),
            QUEUE_TEST(the_one_that_fits_is_found_among_many),
            QUEUE_TEST(others_go_on_beside_a_long_walk),
            QUEUE_TEST(the_ledger_has_a_row_per_queue_and_source),
            QUEUE_TEST(what_passed_by_stands_apart_and_moves_its_cursor),
            QUEUE_TEST(ready_tells_of_each_queue_when_one_may_be_leased),
            QUEUE_TEST(trimming_takes_the_oldest_ended_and_no_dead_ones),
            QUEUE_TEST(a_trimmed_event_is_no_longer_known),
            QUEUE_TEST(a_backup_is_the_store_as_it_was),
            QUEUE_TEST(states_have_names),
    };

    return run_contract("queue acts", contract, sizeof(contract) / sizeof(contract[0]));
}
