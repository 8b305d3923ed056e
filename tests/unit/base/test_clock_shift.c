/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "t.h"

/* The file as clock_shift.c tells of it, written down a second time. */
struct slot {
    int64_t mono_ns, store_ms, scale_milli;
};
struct file {
    char magic[8];
    uint64_t sequence;
    struct slot slot[2];
};

static char path[] = "/tmp/evoke-clock-XXXXXX";
static struct file *file;

static void set(int64_t store_ms, int64_t scale_milli)
{
    uint64_t next = file->sequence + 1;

    file->slot[next % 2] = (struct slot){(int64_t)clock_mono_ns(), store_ms, scale_milli};
    __atomic_store_n(&file->sequence, next, __ATOMIC_RELEASE);
}

static int setup(void **state)
{
    int fd;

    (void)state;
    memcpy(path, "/tmp/evoke-clock-XXXXXX", sizeof(path));
    fd = mkstemp(path);
    if (fd < 0 || ftruncate(fd, sizeof(struct file)) < 0)
        return -1;
    file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (file == MAP_FAILED)
        return -1;
    memcpy(file->magic, "evokeclk", 8);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_unfollow();
    munmap(file, sizeof(*file));
    return unlink(path);
}

/* How long to wait for what is due in so many milliseconds; asked again when others ran meanwhile. */
static uint64_t wait_for_ms(int64_t ms)
{
    uint64_t start_ns, wait_ms;

    do {
        start_ns = clock_mono_ns();
        wait_ms = clock_store_wait_ms(clock_store_ms() + ms);
    } while (clock_mono_ns() - start_ns > 50000);
    return wait_ms;
}

static void real_time_unless_a_test_says_otherwise(void **state)
{
    int64_t before = clock_wall_ms(), now = clock_store_ms();

    (void)state;
    assert_true(now >= before && now <= clock_wall_ms());
    assert_int_equal(clock_store_wait_ms(now - 1), 0);
    assert_int_equal(clock_store_wait_ms(INT64_MAX), CLOCK_LOOK_MS);
    assert_in_range(wait_for_ms(500), 499, 500);
}

static void a_standing_clock_is_moved_both_ways(void **state)
{
    struct err e = {0};

    (void)state;
    set(1000000, 0);
    t_ok(clock_follow(path, &e), &e);
    assert_true(clock_store_ms() == 1000000);
    assert_int_equal(clock_store_wait_ms(1000000), 0);
    set(1000000 + 86400000, 0);
    assert_true(clock_store_ms() == 87400000);
    set(1, 0);
    assert_true(clock_store_ms() == 1);
    /* It never gets there by itself, but a test may move it at any moment. */
    assert_in_range(clock_store_wait_ms(2), 1, CLOCK_LOOK_MS);
    clock_unfollow();
    assert_true(clock_store_ms() > 1600000000000);
}

static void goes_as_fast_as_it_is_told(void **state)
{
    struct err e = {0};
    uint64_t set_ns, start_ns, before_ns, after_ns;
    int64_t now;

    (void)state;
    set_ns = clock_mono_ns();
    set(5000, 1000000); /* a thousand times as fast: a millisecond in each thousand nanoseconds */
    start_ns = clock_mono_ns();
    t_ok(clock_follow(path, &e), &e);
    do {
        before_ns = clock_mono_ns();
        now = clock_store_ms();
        after_ns = clock_mono_ns();
        assert_true(now >= 5000 + (int64_t)((before_ns - start_ns) / 1000));
        assert_true(now <= 5000 + (int64_t)((after_ns - set_ns) / 1000) + 1);
    } while (before_ns - start_ns < 20000000);
    /* 5 s of it are 5 ms; a fraction is rounded up. */
    assert_int_equal(wait_for_ms(5000), 5);
    assert_int_equal(wait_for_ms(101), 1);
}

static void years_at_full_speed_do_not_overflow(void **state)
{
    struct err e = {0};
    int64_t before, now;

    (void)state;
    /* A million times as fast: a millisecond for each nanosecond since the machine was started. */
    file->slot[0] = (struct slot){.mono_ns = 0, .store_ms = 7, .scale_milli = 1000000000};
    t_ok(clock_follow(path, &e), &e);
    before = (int64_t)clock_mono_ns();
    now = clock_store_ms();
    assert_true(now >= before + 7 && now <= (int64_t)clock_mono_ns() + 7);
    assert_in_range(clock_store_wait_ms(INT64_MAX), 1, CLOCK_LOOK_MS);
}

static void *turn(void *stop)
{
    for (int64_t i = 0; !__atomic_load_n((bool *)stop, __ATOMIC_RELAXED); i++)
        set(i % 2 ? 2000000 : 1000, i % 2 ? 0 : 1000);
    return NULL;
}

static void a_reader_never_sees_half_a_change(void **state)
{
    struct err e = {0};
    bool stop = false;
    pthread_t t;

    (void)state;
    set(1000, 1000);
    t_ok(clock_follow(path, &e), &e);
    assert_int_equal(pthread_create(&t, NULL, turn, &stop), 0);
    for (int i = 0; i < 200000; i++) {
        int64_t now = clock_store_ms();

        if (now != 2000000 && (now < 990 || now > 1000 + 60000))
            fail_msg("%lld", (long long)now);
    }
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    pthread_join(t, NULL);
}

static void refused(const char *what)
{
    struct err e = {0};

    if (clock_follow(path, &e) != -EINVAL)
        fail_msg("%s was accepted", what);
    t_has(e.msg, path);
    assert_int_equal(e.kind, ERR_CALLER);
    assert_true(clock_store_ms() > 1600000000000);
}

static void refuses_what_is_no_clock(void **state)
{
    static const struct slot bad[] = {
            {-1, 0, 0}, {0, -1, 1000}, {0, 253402300800000, 1000}, {0, 0, -1}, {0, 0, 1000000001}};
    struct err e = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        file->slot[file->sequence % 2] = bad[i];
        refused("a slot out of range");
    }
    file->slot[file->sequence % 2] = (struct slot){0, 253402300799999, 1000000000};
    t_ok(clock_follow(path, &e), &e);
    clock_unfollow();
    file->magic[7] = 'x';
    refused("another magic");
    memcpy(file->magic, "evokeclk", 8);
    assert_int_equal(truncate(path, sizeof(*file) - 1), 0);
    refused("a short file");
    assert_int_equal(truncate(path, sizeof(*file) + 1), 0);
    refused("a long file");
    assert_int_equal(clock_follow("/nonexistent/clock", &e), -ENOENT);
    assert_int_equal(clock_follow("/dev/null", &e), -EINVAL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            TEST(real_time_unless_a_test_says_otherwise),
            TEST(a_standing_clock_is_moved_both_ways),
            TEST(goes_as_fast_as_it_is_told),
            TEST(years_at_full_speed_do_not_overflow),
            TEST(a_reader_never_sees_half_a_change),
            TEST(refuses_what_is_no_clock),
    };

    return T_RUN(tests);
}
