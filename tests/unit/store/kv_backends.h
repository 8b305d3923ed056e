/* SPDX-License-Identifier: Apache-2.0 */
/* kv_backends.h - the contract of kv.h, once for every backend: a table of them, and each test of a
 * contract file run on all. */
#ifndef EVOKE_TESTS_KV_BACKENDS_H
#define EVOKE_TESTS_KV_BACKENDS_H

#include "kv_sync.h"
#include "t.h"
#include "tempdir.h"

struct backend {
    const char *name;
    struct kv *(*open)(struct loop *l, const char *dir);
    bool durable;
};

struct fix {
    const struct backend *backend;
    struct loop *loop;
    struct kv *kv;
    char *dir;
    struct answer a;
};

static inline int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->backend = *state;
    f->dir = tempdir_new();
    f->loop = loop_new();
    f->kv = f->backend->open(f->loop, f->dir);
    *state = f;
    return f->kv ? 0 : -1;
}

static inline int tear_down(void **state)
{
    struct fix *f = *state;

    answer_done(&f->a);
    kv_close(f->kv);
    loop_free(f->loop);
    tempdir_free(f->dir);
    free(f);
    return 0;
}

static inline int put1(struct fix *f, const char *key, const char *value, uint64_t *rev)
{
    return put(f->loop, f->kv, str_of(key), str_of(value), rev);
}

static inline void reopen(struct fix *f)
{
    kv_close(f->kv);
    f->kv = f->backend->open(f->loop, f->dir);
    assert_non_null(f->kv);
}

static inline struct kv *open_memory(struct loop *l, const char *dir)
{
    (void)dir;
    return kv_memory_new(l);
}

static inline struct kv *open_sqlite(struct loop *l, const char *dir)
{
    char *path = xasprintf("%s/meta.db", dir);
    struct err e = {0};
    struct kv *kv = NULL;

    if (kv_sqlite_open(l, path, &kv, &e) < 0)
        print_error("%s\n", e.msg);
    free(path);
    return kv;
}

static const struct backend backends[] = {
        {"memory", open_memory, false},
        {"sqlite", open_sqlite, true},
};

enum { BACKENDS = sizeof(backends) / sizeof(backends[0]), CONTRACT = 40 };

struct kv_test {
    const char *name;
    CMUnitTestFunction fn;
    bool of_durable; /* says nothing about a backend that keeps nothing */
};

#define KV_TEST(test)                                                                              \
    {                                                                                              \
        .name = #test, .fn = test                                                                  \
    }

static inline int run_contract(const char *file, const struct kv_test *contract, size_t ntests)
{
    static struct CMUnitTest tests[BACKENDS * CONTRACT];
    static char names[BACKENDS * CONTRACT][100];
    size_t n = 0;

    assert_true(ntests <= CONTRACT);
    for (size_t i = 0; i < BACKENDS * ntests; i++) {
        const struct backend *b = &backends[i / ntests];
        const struct kv_test *t = &contract[i % ntests];

        if (t->of_durable && !b->durable)
            continue;
        snprintf(names[n], sizeof(names[n]), "%s: %s", b->name, t->name);
        tests[n] = (struct CMUnitTest){names[n], t->fn, set_up, tear_down, (void *)b};
        n++;
    }
    return _cmocka_run_group_tests(file, tests, n, NULL, NULL);
}

#endif
