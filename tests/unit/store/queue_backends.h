/* SPDX-License-Identifier: Apache-2.0 */
/* queue_backends.h - the contract of queue.h, once for every backend: a table of them, and each test
 * of a contract file run on all. */
#ifndef EVOKE_TESTS_QUEUE_BACKENDS_H
#define EVOKE_TESTS_QUEUE_BACKENDS_H

#include "queue_faulty.h"
#include "queue_sync.h"
#include "t.h"
#include "tempdir.h"

struct queue_backend {
    const char *name;
    struct queue *(*open)(struct loop *l, const char *dir);
};

struct fix {
    struct qs s; /* first: what is asked */
    const struct queue_backend *backend;
    char *dir;
};

static inline struct queue *open_sqlite(struct loop *l, const char *dir)
{
    char *path = xasprintf("%s/queue.db", dir);
    struct q_opened opened;
    struct err e = {0};
    struct queue *q = NULL;

    if (queue_sqlite_open(l, path, 0, &q, &opened, &e) < 0)
        print_error("%s\n", e.msg);
    else if (opened.said[0] && !strstr(opened.said, "no mark")) /* a backup has none */
        fail_msg("%s", opened.said);
    free(path);
    return q;
}

/* Behind a slow line, which changes nothing of the contract. */
static inline struct queue *open_late(struct loop *l, const char *dir)
{
    static const uint32_t percent[QUEUE_FAULTS] = {[FAULT_LATE] = 20};
    struct queue *q = open_sqlite(l, dir);

    return q ? queue_faulty_new(l, q, percent, 20261122) : NULL;
}

static const struct queue_backend queue_backends[] = {
        {"sqlite", open_sqlite},
        {"late", open_late},
};

static inline int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->backend = *state;
    f->dir = tempdir_new();
    f->s.loop = loop_new();
    f->s.t = told_new();
    f->s.q = f->backend->open(f->s.loop, f->dir);
    *state = f;
    return f->s.q ? 0 : -1;
}

static inline int tear_down(void **state)
{
    struct fix *f = *state;

    q_close(f->s.q);
    told_free(f->s.t);
    loop_free(f->s.loop);
    tempdir_free(f->dir);
    free(f);
    return 0;
}

static inline void reopen(struct fix *f)
{
    q_close(f->s.q);
    f->s.q = f->backend->open(f->s.loop, f->dir);
    assert_non_null(f->s.q);
}

enum { QUEUE_BACKENDS = sizeof(queue_backends) / sizeof(queue_backends[0]), CONTRACT = 80 };

struct queue_test {
    const char *name;
    CMUnitTestFunction fn;
};

#define QUEUE_TEST(test)                                                                           \
    {                                                                                              \
        .name = #test, .fn = test                                                                  \
    }

static inline int run_contract(const char *file, const struct queue_test *contract, size_t ntests)
{
    static struct CMUnitTest tests[QUEUE_BACKENDS * CONTRACT];
    static char names[QUEUE_BACKENDS * CONTRACT][120];
    size_t n = 0;

    assert_true(ntests <= CONTRACT);
    for (size_t i = 0; i < QUEUE_BACKENDS * ntests; i++, n++) {
        const struct queue_backend *b = &queue_backends[i / ntests];
        const struct queue_test *t = &contract[i % ntests];

        snprintf(names[n], sizeof(names[n]), "%s: %s", b->name, t->name);
        tests[n] = (struct CMUnitTest){names[n], t->fn, set_up, tear_down, (void *)b};
    }
    return _cmocka_run_group_tests(file, tests, n, NULL, NULL);
}

#endif
