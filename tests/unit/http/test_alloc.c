/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc.c - how many allocations a request costs: a performance check without a clock. The
 * linker sends our own calls of malloc(3) and friends through the counters below. */
#include <stdlib.h>

#include "t.h"
#include "world.h"

static size_t allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    allocations++;
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

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_counter_counts),
            cmocka_unit_test(a_warm_keep_alive_get_costs_no_allocation),
            cmocka_unit_test(a_small_post_costs_no_allocation_either),
    };

    return T_RUN(tests);
}
