/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kill -9 at any point: whatever was acknowledged is there, in a state it was in, and the ledger
 * adds up.
 *
 * A child puts events in twos, leases and ends some of them, and tells a pipe of each put and each
 * end that is now on disk. The parent reads some of it, kills the child, opens the store, compares.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "queue_backends.h"

enum { ROUNDS = 20, AHEAD = 6, PADDING = 1500, MOST = 20000 };

enum what { PUT, ENDED };
struct news {
    enum what what;
    uint32_t number;
};

/* ---- the child ---- */

struct writer {
    struct queue *q;
    int pipe;
    uint32_t next;
    uint64_t token;
};

struct sent {
    struct writer *w;
    uint32_t number;
};

static void tell(struct writer *w, enum what what, uint32_t number)
{
    struct news n = {what, number};

    if (write(w->pipe, &n, sizeof(n)) != sizeof(n))
        _exit(1);
}

static void put_next(struct writer *w);

static void on_put(void *user, int r, const int *ret, uint32_t n)
{
    struct sent *s = user;

    if (r < 0 || n != 2 || ret[0] < 0 || ret[1] < 0)
        _exit(1);
    tell(s->w, PUT, s->number);
    put_next(s->w);
    free(s);
}

/* Two events per put, of different queues: a torn one would show. */
static void put_next(struct writer *w)
{
    struct sent *s = xnew(struct sent);
    char a[16], b[16], payload[PADDING];
    struct q_record recs[2];

    *s = (struct sent){w, w->next++};
    snprintf(a, sizeof(a), "a%08u", s->number);
    snprintf(b, sizeof(b), "b%08u", s->number);
    memset(payload, 'x', sizeof(payload));
    recs[0] = (struct q_record){.queue = S("a"), .id = str_of(a), .payload = {payload, PADDING}};
    recs[1] = (struct q_record){.queue = S("b"), .id = str_of(b), .payload = {payload, PADDING}};
    q_put(w->q, &(struct q_put){.records = recs, .nrecords = 2}, on_put, s);
}

static void lease_next(struct writer *w);

static void on_ended(void *user, int r, const int *ret, uint32_t n)
{
    struct sent *s = user;

    if (r < 0 || n != 1 || ret[0] < 0)
        _exit(1);
    tell(s->w, ENDED, s->number);
    lease_next(s->w);
    free(s);
}

static void on_leased(void *user, int r, const struct q_event *events, uint32_t n, bool more)
{
    struct writer *w = user;
    struct sent *s;
    struct q_end end;

    (void)more;
    if (r < 0)
        _exit(1);
    if (n == 0) {
        lease_next(w);
        return;
    }
    s = xnew(struct sent);
    *s = (struct sent){w, (uint32_t)strtoul(events[0].id.p + 1, NULL, 10)};
    end = (struct q_end){.item = {events[0].seq, events[0].attempt}, .state = Q_DONE};
    q_finish(w->q, w->token, &end, 1, on_ended, s);
}

static void lease_next(struct writer *w)
{
    struct q_want want = {S("b"), 1};

    q_lease(w->q,
            &(struct q_lease){.token = w->token, .wants = &want, .nwants = 1, .visible_ms = 600000},
            on_leased, w);
}

static void on_token(void *user, int r, uint64_t token)
{
    struct writer *w = user;

    if (r < 0)
        _exit(1);
    w->token = token;
    lease_next(w);
}

static void child(const char *dir, int pipe_fd, uint32_t from)
{
    struct loop *l = loop_new();
    struct writer w = {.q = open_sqlite(l, dir), .pipe = pipe_fd, .next = from};

    if (!w.q)
        _exit(1);
    for (int i = 0; i < AHEAD; i++)
        put_next(&w);
    lease_campaign(w.q, S("w"), 600000, on_token, &w);
    loop_run(l);
}

/* ---- the parent ---- */

struct seen {
    uint32_t put; /* all numbers below */
    bool ended[MOST];
};

static void hear(struct seen *seen, const struct news *n)
{
    assert_true(n->number < MOST);
    if (n->what == ENDED) {
        seen->ended[n->number] = true;
        return;
    }
    assert_int_equal(n->number, seen->put); /* puts of one caller commit in order */
    seen->put++;
}

static void check_ledger(struct qs *s, uint32_t n)
{
    assert_int_equal(counts_of(s, &(struct q_filter){0}), 0);
    assert_int_equal(s->t->n, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct q_ledger *row = &s->t->rows[i];
        uint64_t sum = 0;

        assert_int_equal(row->accepted, n);
        for (int k = 0; k < Q_STATES; k++)
            sum += row->counts[k];
        assert_int_equal(sum, row->accepted);
    }
}

/* Every number is there twice, once in each queue. Returns how many there are in all. */
static uint32_t check(const char *dir, const struct seen *seen)
{
    struct qs s = {.loop = loop_new(), .t = told_new()};
    uint32_t count[2] = {0, 0}, n;

    s.q = open_sqlite(s.loop, dir);
    assert_non_null(s.q);
    for (int side = 0; side < 2; side++) {
        uint64_t before = 0;

        do {
            assert_int_equal(list_some(&s, &(struct q_filter){.queue = side ? S("b") : S("a"),
                                                              .before = before,
                                                              .limit = 500,
                                                              .payload = true}),
                             0);
            for (uint32_t i = 0; i < s.t->n; i++) {
                const struct q_event *ev = &s.t->events[i];
                uint64_t number;

                assert_int_equal(ev->payload.n, PADDING);
                assert_int_equal(str_u64(str_from(ev->id, 1), 0, UINT32_MAX, &number), 0);
                assert_true(number < MOST);
                if (side == 1 && seen->ended[number])
                    assert_int_equal(ev->state, Q_DONE);
                before = ev->seq;
                count[side]++;
            }
        } while (s.t->more);
    }
    n = count[0];
    assert_int_equal(count[1], n);
    assert_true(n >= seen->put);
    if (n > 0)
        check_ledger(&s, n);
    q_close(s.q);
    told_free(s.t);
    loop_free(s.loop);
    return n;
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    struct seen *seen = xnew(struct seen);
    char *dir = tempdir_new();
    uint32_t ended = 0;
    unsigned seed = 20261122;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t want = (uint32_t)rand_r(&seed) % 120;
        struct news news;
        int fds[2], status;
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(fds[0]);
            child(dir, fds[1], seen->put);
            _exit(1);
        }
        close(fds[1]);
        for (uint32_t i = 0; i <= want; i++) {
            assert_int_equal(io_read_full(fds[0], &news, sizeof(news)), sizeof(news));
            hear(seen, &news);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (io_read_full(fds[0], &news, sizeof(news)) == sizeof(news))
            hear(seen, &news);
        close(fds[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        seen->put = check(dir, seen);
    }
    for (uint32_t i = 0; i < MOST; i++)
        ended += seen->ended[i];
    assert_true(seen->put >= ROUNDS && ended >= ROUNDS);
    tempdir_free(dir);
    free(seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_was_acknowledged_survives_kill_9),
    };
    return T_RUN(tests);
}
