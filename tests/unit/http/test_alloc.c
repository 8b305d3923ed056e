/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc.c - how many allocations a request costs: a performance check without a clock. The
 * linker sends our own calls of malloc(3) and friends through the counters below. */
#include <stdlib.h>

#include "t.h"
#include "world.h"

static size_t allocations, largest;

static void count(size_t n)
{
    allocations++;
    if (n > largest)
        largest = n;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    count(n);
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    count(n * size);
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    count(n);
    return __real_realloc(p, n);
}

static size_t allocations_of(const char *request, const char *answer, int times)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    size_t before = 0;

    for (int i = -5; i < times; i++) { /* the first five warm the free lists */
        if (i == 0)
            before = allocations;
        client_forget(c);
        client_send(c, request);
        client_want(c, answer);
    }
    before = allocations - before;
    world_free(w);
    return before;
}

static void the_counter_counts(void **state)
{
    size_t before = allocations;

    (void)state;
    world_free(world_new(NULL));
    assert_true(allocations - before > 5);
}

static void a_warm_keep_alive_get_costs_no_allocation(void **state)
{
    (void)state;
    assert_int_equal(allocations_of("GET /x HTTP/1.1\r\nHost: a\r\n\r\n", "hello", 100), 0);
}

static void a_small_post_costs_no_allocation_either(void **state)
{
    (void)state;
    assert_int_equal(
            allocations_of("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nping",
                           "\r\n\r\nping", 100),
            0);
}

static void an_announced_body_holds_no_memory_before_it_comes(void **state)
{
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);

    (void)state;
    client_send(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); /* the client needs memory, too */
    client_want(c, "hello");
    client_forget(c);
    largest = 0;
    client_send(c, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000000\r\n"
                   "Expect: 100-continue\r\n\r\n");
    client_want(c, "100 Continue");
    assert_in_range(largest, 1, 8191);
    world_free(w);
}

static void a_large_body_reserves_no_more_than_was_announced(void **state)
{
    enum { BYTES = 3000000 }; /* no power of two: doubling would go past it */
    struct world *w = world_new(NULL);
    struct client *c = client_new(w);
    struct buf body;

    (void)state;
    buf_init(&body, BYTES);
    memset(buf_room(&body, BYTES), 'x', BYTES);
    buf_grew(&body, BYTES);
    client_send(c, "POST /drop HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
    client_send_bytes(c, buf_str(&body));
    largest = 0;
    client_want(c, "hello");
    assert_int_equal(largest, BYTES + 1);
    world_free(w);
    buf_done(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_counter_counts),
            cmocka_unit_test(a_warm_keep_alive_get_costs_no_allocation),
            cmocka_unit_test(a_small_post_costs_no_allocation_either),
            cmocka_unit_test(an_announced_body_holds_no_memory_before_it_comes),
            cmocka_unit_test(a_large_body_reserves_no_more_than_was_announced),
    };

    return T_RUN(tests);
}
