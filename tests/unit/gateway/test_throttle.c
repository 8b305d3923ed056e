/* SPDX-License-Identifier: Apache-2.0 */
/* The step alone, on a clock that the test moves. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "t.h"

#include "base/clock.h"
#include "gateway/call.h"
#include "gateway/guard/guard.h"

static char said[256];
static int fails;

void gw_fail(struct gw_call *c, enum gw_fault why, const char *detail, ...)
{
    va_list ap;

    (void)c;
    assert_int_equal(why, GW_THROTTLED);
    fails++;
    va_start(ap, detail);
    (void)vsnprintf(said, sizeof(said), detail, ap);
    va_end(ap);
}

/* ---- the clock's file, as base/clock_shift.c tells of it ---- */

static struct file {
    char magic[8];
    uint64_t sequence;
    struct {
        int64_t mono_ns, store_ms, scale_milli;
    } slot[2];
} * file;

static void at(int64_t store_ms)
{
    uint64_t next = file->sequence + 1;

    file->slot[next % 2].mono_ns = (int64_t)clock_mono_ns();
    file->slot[next % 2].store_ms = store_ms;
    file->slot[next % 2].scale_milli = 0; /* it stands */
    __atomic_store_n(&file->sequence, next, __ATOMIC_RELEASE);
}

static char path[] = "/tmp/evoke-throttle-XXXXXX";
static struct gw_guard *guard;
static char policy[] = "policy", none[] = "", api_a[] = "a", api_b[] = "b", stage[] = "RELEASE";

static int setup(void **state)
{
    const struct gateway_env env = {0};
    struct err e;
    int fd;

    (void)state;
    memcpy(path, "/tmp/evoke-throttle-XXXXXX", sizeof(path));
    fd = mkstemp(path);
    if (fd < 0 || ftruncate(fd, sizeof(*file)) < 0)
        return -1;
    file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    memcpy(file->magic, "evokeclk", 8);
    at(60000);
    fails = 0;
    guard = gw_guard_new(&env);
    return clock_follow(path, &e);
}

static int teardown(void **state)
{
    (void)state;
    clock_unfollow();
    munmap(file, sizeof(*file));
    guard = gw_guard_free(guard);
    return unlink(path);
}

struct caller {
    const char *api, *user, *app, *ip;
    char *stage; /* NULL: RELEASE */
    struct gw_limit limit;
};

static enum gw_step call(const struct caller *by, struct gw_call *ret)
{
    struct gw_api api = {
            .id = (char *)by->api, .stage = by->stage ? by->stage : stage, .limit = by->limit};
    struct gw_call c = {
            .guard = guard, .api = &api, .user = str_of(by->user), .app_id = str_of(by->app)};
    enum gw_step step;

    if (by->ip)
        (void)snprintf(c.source_ip, sizeof(c.source_ip), "%s", by->ip);
    step = gw_throttle(&c);
    if (ret)
        *ret = c;
    return step;
}

static void an_api_without_limits_counts_nothing(void **state)
{
    struct caller by = {.api = api_a, .limit = {.id = none, .period_ms = 1000}};

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(call(&by, NULL), GW_GO_ON);
}

static void the_limit_passes_and_one_more_does_not(void **state)
{
    struct caller by = {.api = api_a, .limit = {.id = none, .api = 3, .period_ms = 60000}};

    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(call(&by, NULL), GW_GO_ON);
    at(119999);
    assert_int_equal(call(&by, NULL), GW_ENDED);
    assert_string_equal(said, "policy api over ratelimit,limit:3,time:1 minute");
    at(120000);
    assert_int_equal(call(&by, NULL), GW_GO_ON);
}

static void apis_count_apart_unless_they_share_a_policy(void **state)
{
    struct caller a = {.api = api_a, .limit = {.id = none, .api = 1, .period_ms = 1000}};
    struct caller b = a, elsewhere = a;
    char other[] = "OTHER";

    (void)state;
    b.api = api_b;
    elsewhere.stage = other;
    assert_int_equal(call(&a, NULL), GW_GO_ON);
    assert_int_equal(call(&b, NULL), GW_GO_ON);
    assert_int_equal(call(&elsewhere, NULL), GW_GO_ON); /* each stage of an API too */
    assert_int_equal(call(&elsewhere, NULL), GW_ENDED);
    a.limit.id = b.limit.id = policy;
    assert_int_equal(call(&a, NULL), GW_GO_ON);
    assert_int_equal(call(&b, NULL), GW_ENDED);
}

static void users_apps_and_addresses_count_apart(void **state)
{
    struct caller x = {.api = api_a,
                       .user = "u1",
                       .app = "p1",
                       .ip = "10.0.0.1",
                       .limit = {.id = none, .user = 1, .period_ms = 1000}};

    (void)state;
    assert_int_equal(call(&x, NULL), GW_GO_ON);
    assert_int_equal(call(&x, NULL), GW_ENDED);
    assert_string_equal(said, "policy user over ratelimit,limit:1,time:1 second");
    x.user = "u2";
    assert_int_equal(call(&x, NULL), GW_GO_ON);

    x.limit = (struct gw_limit){.id = none, .app = 1, .period_ms = 1000};
    assert_int_equal(call(&x, NULL), GW_GO_ON);
    assert_int_equal(call(&x, NULL), GW_ENDED);
    assert_string_equal(said, "policy app over ratelimit,limit:1,time:1 second");
    x.app = NULL; /* nobody knows which: there is nothing to count by */
    assert_int_equal(call(&x, NULL), GW_GO_ON);
    assert_int_equal(call(&x, NULL), GW_GO_ON);

    x.limit = (struct gw_limit){.id = none, .ip = 1, .period_ms = 1000};
    assert_int_equal(call(&x, NULL), GW_GO_ON);
    assert_int_equal(call(&x, NULL), GW_ENDED);
    assert_string_equal(said, "policy ip over ratelimit,limit:1,time:1 second");
    x.ip = "10.0.0.2";
    assert_int_equal(call(&x, NULL), GW_GO_ON);
}

static void who_is_refused_by_one_limit_uses_up_no_other(void **state)
{
    struct caller x = {.api = api_a,
                       .user = "u1",
                       .limit = {.id = none, .api = 3, .user = 1, .period_ms = 1000}};

    (void)state;
    assert_int_equal(call(&x, NULL), GW_GO_ON);
    for (int i = 0; i < 10; i++)
        assert_int_equal(call(&x, NULL), GW_ENDED);
    x.user = "u2";
    assert_int_equal(call(&x, NULL), GW_GO_ON);
    x.user = "u3";
    assert_int_equal(call(&x, NULL), GW_GO_ON);
    x.user = "u4";
    assert_int_equal(call(&x, NULL), GW_ENDED);
    assert_string_equal(said, "policy api over ratelimit,limit:3,time:1 second");
}

static void headers_tell_what_is_left(void **state)
{
    struct caller x = {.api = api_a,
                       .ip = "10.0.0.1",
                       .limit = {.id = none, .api = 100, .ip = 2, .period_ms = 10000}};
    struct gw_api api = {.limit = x.limit};
    struct shape_pair headers[GW_QUOTAS];
    struct gw_call c;

    (void)state;
    assert_int_equal(call(&x, &c), GW_GO_ON);
    c.api = &api;
    c.arena = arena_new(4096);
    assert_int_equal(gw_quota_headers(&c, headers), 2);
    t_str(headers[0].name, S("X-Apig-RateLimit-api"));
    t_str(headers[0].value, S("remain:99,limit:100,time:10 second"));
    t_str(headers[1].name, S("X-Apig-RateLimit-ip"));
    t_str(headers[1].value, S("remain:1,limit:2,time:10 second"));
    arena_free(c.arena);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(an_api_without_limits_counts_nothing),
            T(the_limit_passes_and_one_more_does_not),
            T(apis_count_apart_unless_they_share_a_policy),
            T(users_apps_and_addresses_count_apart),
            T(who_is_refused_by_one_limit_uses_up_no_other),
            T(headers_tell_what_is_left),
    };

    return T_RUN(tests);
}
