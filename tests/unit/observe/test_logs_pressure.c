/* SPDX-License-Identifier: Apache-2.0 */
/* When the store asks for less: at which marks, and never because of a disk that takes nothing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/uio.h>
#include <unistd.h>

#include "logs_rig.h"
#include "observe/health.h"

enum { BUFFER = 64 << 10 };

/* ---- the disk and the clock, played ---- */

static struct {
    int refuse;      /* errno of a write; 0: it is done */
    int sync_refuse; /* likewise */
    int gate;        /* not negative: a write waits until there is something to read */
    uint64_t ahead_ns;
} played = {.gate = -1};

ssize_t __real_pwritev64(int fd, const struct iovec *iov, int n, off_t at);
ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int n, off_t at);
int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
uint64_t __real_loop_now_ns(const struct loop *l);
uint64_t __wrap_loop_now_ns(const struct loop *l);

ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int n, off_t at)
{
    struct pollfd gate = {.fd = __atomic_load_n(&played.gate, __ATOMIC_ACQUIRE), .events = POLLIN};

    if (gate.fd >= 0)
        (void)poll(&gate, 1, -1);
    errno = __atomic_load_n(&played.refuse, __ATOMIC_ACQUIRE);
    return errno ? -1 : __real_pwritev64(fd, iov, n, at);
}

int __wrap_fdatasync(int fd)
{
    errno = __atomic_load_n(&played.sync_refuse, __ATOMIC_ACQUIRE);
    return errno ? -1 : __real_fdatasync(fd);
}

uint64_t __wrap_loop_now_ns(const struct loop *l)
{
    return __real_loop_now_ns(l) + played.ahead_ns;
}

/* ---- who is told ---- */

struct feeder {
    int told;
    bool full;
};

static void on_pressure(void *user, bool full)
{
    struct feeder *f = user;

    assert_true(f->full != full);
    f->full = full;
    f->told++;
}

static struct rig rig_small(struct feeder *f)
{
    struct rig g = rig_new();

    g.conf.buffer_bytes = BUFFER;
    g.conf.flush_ms = 1;
    played.refuse = played.sync_refuse = 0;
    played.ahead_ns = 0;
    played.gate = -1;
    *f = (struct feeder){0};
    rig_open(&g);
    logs_on_pressure(g.logs, on_pressure, f);
    return g;
}

static uint64_t waiting(const struct rig *g)
{
    struct logs_stats st;

    logs_stats(g->logs, &st);
    return st.buffer_bytes;
}

/* Runs of 1023 bytes and a newline until so much waits, all in one turn. */
static unsigned feed(struct rig *g, uint64_t until)
{
    char text[1025];
    unsigned n = 0;

    memset(text, 'z', 1023);
    memcpy(text + 1023, "\n", 2);
    for (; waiting(g) <= until; n++)
        rig_run(g, g->fn, "r", OUTCOME_OK, text);
    return n;
}

static void until(struct rig *g, const bool *flag, bool value)
{
    while (*flag != value)
        rig_turn(g);
}

static void it_is_full_above_half_and_has_room_again_when_written(void **state)
{
    struct feeder f;
    struct rig g = rig_small(&f);
    struct logs_stats st;
    struct answer *a;
    unsigned n = 0;

    (void)state;
    while (waiting(&g) + 1200 <= BUFFER / 2)
        n += feed(&g, waiting(&g));
    assert_int_equal(f.told, 0);
    n += feed(&g, BUFFER / 2);
    assert_true(f.full);
    assert_int_equal(f.told, 1);
    until(&g, &f.full, false);
    assert_int_equal(f.told, 2);
    for (int i = 0; i < 5; i++) { /* fed only while there is room: nothing is ever dropped */
        n += feed(&g, BUFFER / 2);
        until(&g, &f.full, false);
    }
    logs_stats(g.logs, &st);
    assert_int_equal(st.pressed, 6);
    assert_int_equal(st.dropped_lines, 0);
    a = rig_read_all(&g, HELLO);
    assert_int_equal(a->n, n);
    answer_free(a);
    rig_done(&g);
}

static void a_disk_that_refuses_is_no_reason_to_wait(void **state)
{
    struct feeder f;
    struct rig g = rig_small(&f);
    struct logs_stats st;

    (void)state;
    __atomic_store_n(&played.refuse, EIO, __ATOMIC_RELEASE);
    feed(&g, BUFFER / 2);
    assert_true(f.full); /* not known yet */
    until(&g, &f.full, false);
    feed(&g, BUFFER - 2000);
    assert_false(f.full);
    rig_settle(&g);
    assert_int_equal(f.told, 2);
    __atomic_store_n(&played.refuse, 0, __ATOMIC_RELEASE);
    do { /* the gap is tried again, a second later */
        rig_turn(&g);
        logs_stats(g.logs, &st);
    } while (st.records == 0);
    rig_settle(&g);
    feed(&g, BUFFER / 2);
    assert_true(f.full);
    until(&g, &f.full, false);
    rig_done(&g);
}

static void a_disk_that_hangs_is_waited_for_only_a_while(void **state)
{
    struct feeder f;
    struct rig g = rig_small(&f);
    int gate[2];

    (void)state;
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    __atomic_store_n(&played.gate, gate[0], __ATOMIC_RELEASE);
    feed(&g, BUFFER / 2);
    assert_true(f.full);
    for (int i = 0; i < 20; i++)
        rig_turn(&g);
    assert_true(f.full);
    played.ahead_ns = 4500000000ull;
    rig_turn(&g);
    assert_true(f.full);
    played.ahead_ns = 5500000000ull;
    until(&g, &f.full, false);
    feed(&g, BUFFER - 2000); /* as long as it fits; then it is dropped, and nobody waits */
    rig_turn(&g);
    assert_false(f.full);
    close(gate[1]); /* now all of them are written */
    rig_settle(&g);
    played.ahead_ns = 0;
    feed(&g, BUFFER / 2);
    assert_true(f.full);
    until(&g, &f.full, false);
    rig_done(&g);
    close(gate[0]);
}

static void a_sync_that_fails_is_told_until_one_succeeds(void **state)
{
    struct health *health = health_new();
    struct health_fault fault;
    struct logs_stats st;
    struct rig g = rig_new();

    (void)state;
    __atomic_store_n(&played.sync_refuse, EIO, __ATOMIC_RELEASE);
    g.conf.health = health;
    rig_open(&g);
    rig_run(&g, g.fn, "r", OUTCOME_OK, "said\n");
    while (health_ready(health))
        rig_turn(&g);
    assert_true(health_fault(health, 0, &fault));
    assert_string_equal(fault.component, "logs");
    assert_string_equal(fault.reason, "function logs cannot be synced: Input/output error");
    logs_stats(g.logs, &st);
    assert_int_equal(st.disk_errors, 1);
    assert_int_equal(st.dropped_lines, 0);
    __atomic_store_n(&played.sync_refuse, 0, __ATOMIC_RELEASE);
    while (!health_ready(health)) { /* a second later at the earliest */
        rig_run(&g, g.fn, "r", OUTCOME_OK, "said\n");
        rig_turn(&g);
    }
    rig_done(&g);
    health_free(health);
}

/* Lines of the run and of those before it: written, or counted as dropped. */
static void a_dropped_line_that_lies_half_in_what_was_held_counts_once(void **state)
{
    static char rest[9000];

    (void)state;
    memset(rest, 'r', sizeof(rest));
    rest[4500] = '\n';
    for (int room = 0; room < 12000; room += 700) { /* the buffer is full here and there in it */
        struct feeder f;
        struct rig g = rig_small(&f);
        struct run_facts facts = rig_facts(g.fn, "halves");
        unsigned n = feed(&g, BUFFER - 2000 - room);
        struct logs_stats st;
        void *run = logs_watch.begin(g.logs, &facts);

        logs_watch.log(g.logs, run, &facts, S("the first half, ")); /* held */
        logs_watch.log(g.logs, run, &facts, (struct str){rest, sizeof(rest)});
        logs_watch.log(g.logs, run, &facts, S("\n"));
        logs_watch.end(g.logs, run, &facts);
        rig_settle(&g);
        logs_stats(g.logs, &st);
        assert_int_equal(st.lines + st.dropped_lines, n + 2);
        rig_done(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(it_is_full_above_half_and_has_room_again_when_written),
            cmocka_unit_test(a_disk_that_refuses_is_no_reason_to_wait),
            cmocka_unit_test(a_disk_that_hangs_is_waited_for_only_a_while),
            cmocka_unit_test(a_sync_that_fails_is_told_until_one_succeeds),
            cmocka_unit_test(a_dropped_line_that_lies_half_in_what_was_held_counts_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
