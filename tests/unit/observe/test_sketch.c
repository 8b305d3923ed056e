/* SPDX-License-Identifier: Apache-2.0 */
#include "observe/metrics/sketch.h"
#include "observe/metrics/span.h"
#include "t.h"

#include <math.h>

#include "observe/run.h"

static void every_duration_has_a_bucket_and_they_rise(void **state)
{
    uint32_t last = 0;

    (void)state;
    assert_int_equal(sketch_bucket(0), 0);
    assert_int_equal(sketch_bucket((1 << 14) - 1), 0);
    assert_int_equal(sketch_bucket(1 << 14), 1);
    assert_int_equal(sketch_bucket((1ull << 44) - 1), SKETCH_BUCKETS - 2);
    assert_int_equal(sketch_bucket(1ull << 44), SKETCH_BUCKETS - 1);
    assert_int_equal(sketch_bucket(UINT64_MAX), SKETCH_BUCKETS - 1);
    for (uint64_t ns = 1; ns < 1ull << 46; ns += ns / 3 + 1) {
        assert_true(sketch_bucket(ns) >= last);
        last = sketch_bucket(ns);
    }
}

static void a_quantile_is_off_by_seven_percent_at_most(void **state)
{
    (void)state;
    for (uint64_t ns = 1 << 14; ns < 1ull << 44; ns += ns / 7) {
        struct sketch s = {0};
        double got;

        sketch_add(&s, ns);
        got = (double)sketch_quantile_ns(&s, 0.5);
        assert_true(fabs(got / (double)ns - 1) <= 0.07);
    }
}

static void quantiles_are_of_the_nearest_rank(void **state)
{
    struct sketch s = {0};

    (void)state;
    assert_int_equal(sketch_quantile_ns(&s, 0.5), 0);
    for (int i = 0; i < 98; i++)
        sketch_add(&s, 1000000);
    sketch_add(&s, 10000000);
    sketch_add(&s, 1000000000);
    assert_true(sketch_quantile_ns(&s, 0.5) < 1100000);
    assert_true(sketch_quantile_ns(&s, 0.98) < 1100000);
    assert_true(sketch_quantile_ns(&s, 0.99) > 9000000 && sketch_quantile_ns(&s, 0.99) < 11000000);
    assert_true(sketch_quantile_ns(&s, 1) > 900000000);
    assert_true(sketch_quantile_ns(&s, 0) < 1100000);
}

static void what_is_stored_comes_back(void **state)
{
    struct sketch s = {0}, again = {0}, empty = {0};
    struct str rest;
    struct buf b;

    (void)state;
    buf_init(&b, 65536);
    s.n[0] = 1;
    s.n[7] = UINT32_MAX;
    s.n[SKETCH_BUCKETS - 1] = 300;
    sketch_encode(&s, &b);
    buf_addz(&b, "tail");
    rest = buf_str(&b);
    assert_true(sketch_decode(&rest, &again));
    t_str(rest, S("tail"));
    assert_memory_equal(&s, &again, sizeof(s));
    buf_reset(&b);
    sketch_encode(&empty, &b);
    assert_int_equal(b.n, 1);
    buf_done(&b);
}

static void a_full_bucket_stays_full(void **state)
{
    struct sketch a = {0}, b = {0};

    (void)state;
    a.n[3] = UINT32_MAX - 1;
    b.n[3] = 5;
    sketch_merge(&a, &b);
    assert_int_equal(a.n[3], UINT32_MAX);
}

static bool decodes(const char *bytes, size_t n)
{
    struct sketch s = {0};
    struct str rest = {bytes, n};

    return sketch_decode(&rest, &s);
}

static void damaged_sketches_are_refused(void **state)
{
    (void)state;
    assert_false(decodes("", 0));
    assert_false(decodes("\1", 1));         /* one bucket, and nothing of it */
    assert_false(decodes("\1\5", 2));       /* without its count */
    assert_false(decodes("\1\5\0", 3));     /* which is never 0 */
    assert_false(decodes("\xf3\1", 2));     /* more buckets than there are */
    assert_false(decodes("\1\xf2\1\1", 4)); /* the bucket behind the last */
    assert_true(decodes("\1\xf1\1\1", 4));  /* the last */
    assert_false(decodes("\2\5\1\0\1", 5)); /* the same one twice */
    assert_false(decodes("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11));
}

static void numbers_of_every_length_come_back(void **state)
{
    static const uint64_t numbers[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    struct str rest;
    struct buf b;

    (void)state;
    buf_init(&b, 256);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        varint_put(&b, numbers[i]);
    rest = buf_str(&b);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        uint64_t v = 0;

        assert_true(varint_take(&rest, &v));
        assert_true(v == numbers[i]);
    }
    assert_int_equal(rest.n, 0);
    rest = (struct str){"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}; /* over 64 bits */
    assert_false(varint_take(&rest, &(uint64_t){0}));
    buf_done(&b);
}

/* ---- spans ---- */

static struct span count_one(struct run_facts f)
{
    struct span s = {0};

    f.instance_id = f.instance_id ? f.instance_id : "i";
    span_count(&s, &f);
    return s;
}

static void a_run_counts_where_it_belongs(void **state)
{
    struct span s = count_one((struct run_facts){.outcome = OUTCOME_OK, .duration_ns = 5000000});

    (void)state;
    assert_int_equal(s.runs, 1);
    assert_int_equal(s.errors + s.timeouts + s.throttled + s.cold, 0);
    assert_int_equal(s.sum_ns, 5000000);
    assert_int_equal(s.max_ns, 5000000);

    s = count_one((struct run_facts){.outcome = OUTCOME_TIMEOUT, .cold = true, .duration_ns = 1});
    assert_true(s.runs == 1 && s.timeouts == 1 && s.errors == 0 && s.cold == 1);

    s = count_one((struct run_facts){.outcome = OUTCOME_CANCELLED, .refused = true});
    assert_true(s.runs == 1 && s.errors == 1 && s.throttled == 0);

    s = count_one(
            (struct run_facts){.outcome = OUTCOME_CANCELLED, .refused = true, .limited = true});
    assert_true(s.runs == 0 && s.errors == 0 && s.throttled == 1);
}

static void who_hears_of_an_earlier_start_is_not_cold(void **state)
{
    struct span s = count_one(
            (struct run_facts){.outcome = OUTCOME_INIT_ERROR, .cold = true, .instance_id = ""});

    (void)state;
    assert_int_equal(s.cold, 0);
    assert_int_equal(s.errors, 1);
}

static void spans_of_two_functions_add_up_and_of_one_follow(void **state)
{
    struct span a = {.runs = 2, .max_ns = 5, .instances = 3, .memory_bytes = 10}, b = a;
    struct span more = {.runs = 1, .max_ns = 9, .instances = 1, .memory_bytes = 20};

    (void)state;
    span_add(&a, &more);
    assert_true(a.runs == 3 && a.max_ns == 9 && a.instances == 4 && a.memory_bytes == 30);
    span_follow(&b, &more);
    assert_true(b.runs == 3 && b.max_ns == 9 && b.instances == 3 && b.memory_bytes == 20);
}

static void a_stored_span_comes_back(void **state)
{
    struct span s = {.runs = 1,
                     .errors = 2,
                     .timeouts = 3,
                     .throttled = 4,
                     .cold = 5,
                     .sum_ns = UINT64_MAX,
                     .max_ns = 7,
                     .instances = 8,
                     .memory_bytes = 9};
    struct span again;
    struct str rest;
    struct buf b;

    (void)state;
    sketch_add(&s.took, 12345678);
    buf_init(&b, 65536);
    span_encode(&s, &b);
    rest = buf_str(&b);
    assert_true(span_decode(&rest, &again));
    assert_memory_equal(&s, &again, sizeof(s));
    for (size_t n = 0; n < b.n; n++) {
        rest = (struct str){b.p, n};
        assert_false(span_decode(&rest, &again));
    }
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_duration_has_a_bucket_and_they_rise),
            cmocka_unit_test(a_quantile_is_off_by_seven_percent_at_most),
            cmocka_unit_test(quantiles_are_of_the_nearest_rank),
            cmocka_unit_test(what_is_stored_comes_back),
            cmocka_unit_test(a_full_bucket_stays_full),
            cmocka_unit_test(damaged_sketches_are_refused),
            cmocka_unit_test(numbers_of_every_length_come_back),
            cmocka_unit_test(a_run_counts_where_it_belongs),
            cmocka_unit_test(who_hears_of_an_earlier_start_is_not_cold),
            cmocka_unit_test(spans_of_two_functions_add_up_and_of_one_follow),
            cmocka_unit_test(a_stored_span_comes_back),
    };

    return T_RUN(tests);
}
