/* SPDX-License-Identifier: Apache-2.0 */
/* kv_file.h - a store in a file of its own, opened when the test says so. */
#ifndef EVOKE_TESTS_KV_FILE_H
#define EVOKE_TESTS_KV_FILE_H

#include <sqlite3.h>

#include "kv_sync.h"
#include "t.h"
#include "tempdir.h"

struct fix {
    struct loop *loop;
    struct kv *kv;
    char *dir, *path;
    struct err e;
    struct answer a;
};

static inline int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->loop = loop_new();
    f->dir = tempdir_new();
    f->path = xasprintf("%s/meta.db", f->dir);
    *state = f;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fix *f = *state;

    answer_done(&f->a);
    kv_close(f->kv);
    loop_free(f->loop);
    tempdir_free(f->dir);
    free(f->path);
    free(f);
    return 0;
}

static inline void open_it(struct fix *f)
{
    t_ok(kv_sqlite_open(f->loop, f->path, &f->kv, &f->e), &f->e);
}

static inline int put1(struct fix *f, const char *key, const char *value)
{
    return put(f->loop, f->kv, str_of(key), str_of(value), NULL);
}

static inline void run_sql(struct fix *f, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#endif
