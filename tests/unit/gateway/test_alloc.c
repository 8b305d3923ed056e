/* SPDX-License-Identifier: Apache-2.0 */
/* test_alloc.c - how many allocations of ours a call costs once the gateway is warm: a performance
 * check without a clock. The linker sends our own calls of malloc(3) and friends through counters. */
#include "gateway/gateway.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/resources.h"
#include "gateway/plane/publish.h"
#include "loop/loop.h"
#include "store/blob.h"
#include "store/kv.h"
#include "t.h"
#include "tempdir.h"

enum { CALLS = 100 };

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

/* ---- a gateway with APIs that need nobody behind them ---- */

struct fix {
    struct loop *loop;
    struct kv *kv;
    struct blobs *blobs;
    struct catalog *c;
    struct gateway *g;
    char *dir, *code;
    size_t right; /* answers that were as they should be */
    struct err e;
};

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->dir = tempdir_new();
    f->code = xasprintf("%s/code", f->dir);
    f->loop = loop_new();
    f->kv = kv_memory_new(f->loop);
    t_ok(blobs_open(f->dir, &f->blobs, &f->e), &f->e);
    t_ok(catalog_open(f->loop, f->kv, f->blobs, f->code, &f->c, &f->e), &f->e);
    f->g = gateway_new(&(struct gateway_env){.loop = f->loop, .catalog = f->c},
                       &(struct gateway_conf){0});
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    gateway_free(f->g);
    catalog_free(f->c);
    blobs_free(f->blobs);
    kv_close(f->kv);
    loop_free(f->loop);
    tempdir_free(f->dir);
    free(f->code);
    free(f);
    return 0;
}

static void set(char **field, const char *text)
{
    free(*field);
    *field = xstrdup(text);
}

static void on_written(void *user, int r, const struct resource *res)
{
    assert_int_equal(r, 0);
    assert_non_null(res);
    *(bool *)user = true;
}

static void make(struct fix *f, const char *kind, const char *id, const char *parent,
                 const char *body)
{
    struct resource *r = resource_new(str_of(kind), str_of(id));
    bool done = false;

    set(&r->account, "acc");
    set(&r->region, "reg");
    set(&r->parent, parent);
    set(&r->name, id);
    set(&r->body, body);
    catalog_create_resource(f->c, r, on_written, &done);
    loop_run_until(f->loop, &done);
}

static void on_published(void *user, int r, const struct resource *version,
                         const struct resource *release, const struct err *e)
{
    assert_string_equal(e->msg, "");
    assert_int_equal(r, 0);
    assert_non_null(version);
    assert_non_null(release);
    *(bool *)user = true;
}

static void publish(struct fix *f, const char *api)
{
    bool done = false;

    gw_publish(f->c, str_of(api), STR_NONE, STR_NONE, on_published, &done);
    loop_run_until(f->loop, &done);
}

/* ---- calls ---- */

static void on_reply(void *user, int status, struct str type, struct shape_list headers,
                     struct buf *body)
{
    struct fix *f = user;

    (void)type;
    f->right += status == 200 && headers.n > 0 && str_eq(buf_str(body), S("mocked"));
    buf_done(body);
}

/* Of so many calls, after some that fill the free lists. */
static size_t cost(struct fix *f, const char *path)
{
    static const struct gw_sink sink = {.reply = on_reply};
    static const struct h1_header headers[] = {
            {S("host"), S("g.apigw.localhost")}, {S("accept"), S("*/*")}, {S("x-a"), S("1")}};
    const struct http_request r = {
            .method = S("GET"),
            .target = str_of(path),
            .path = str_of(path),
            .query = S("a=1&b=%20"),
            .host = S("g.apigw.localhost"),
            .headers = headers,
            .nheaders = ARRAY_LEN(headers),
            .minor = 1,
            .peer = S("127.0.0.1:5555"),
    };
    size_t before = 0;

    f->right = 0;
    for (int i = -5; i < CALLS; i++) {
        if (i == 0)
            before = allocations;
        gateway_call(f->g, &r, &sink, f);
    }
    assert_int_equal(f->right, CALLS + 5);
    return allocations - before;
}

#define API(uri, more)                                                                             \
    "{\"group_id\":\"g\",\"name\":\"an_api\",\"type\":1,\"req_protocol\":\"HTTPS\",\"req_"         \
    "method\":"                                                                                    \
    "\"GET\",\"req_uri\":\"" uri "\",\"auth_type\":\"NONE\",\"backend_type\":\"MOCK\","            \
    "\"mock_info\":{\"result_content\":\"mocked\"}" more "}"

#define PARAM(name, where)                                                                         \
    "{\"name\":\"" name "\",\"type\":\"STRING\",\"location\":\"" where "\",\"required\":1}"

static void a_warm_call_allocates_its_body_and_an_escape(void **state)
{
    struct fix *f = *state;

    make(f, "group", "g", "", "{\"name\":\"g\"}");
    make(f, "api", "plain", "g", API("/plain", ""));
    make(f, "api", "much", "g",
         API("/much/{x}", ",\"cors\":true,\"req_params\":[" PARAM("x", "PATH") "," PARAM(
                                  "a", "QUERY") "," PARAM("x-a", "HEADER") "]"));
    publish(f, "plain");
    publish(f, "much");

    /* The body of the answer, and "%20" decoded: the call, its lists and its texts are an arena
     * that is used again. */
    assert_int_equal(cost(f, "/plain"), 2 * CALLS);
    assert_int_equal(cost(f, "/much/1"), 2 * CALLS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(a_warm_call_allocates_its_body_and_an_escape, set_up,
                                            tear_down),
    };

    return T_RUN(tests);
}
