/* SPDX-License-Identifier: Apache-2.0 */
/* The store on a disk that is full, fails, or hangs. */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>

#include "base/clock.h"
#include "kv_file.h"

/*
 * A file system that fails on demand, under SQLite: the default one with its write and sync
 * methods replaced.
 */
static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    sqlite3_io_methods methods;
    const sqlite3_io_methods *real_methods;
    int write_code, sync_code; /* 0: do the real thing */
    unsigned syncs;

    pthread_mutex_t lock; /* over what follows */
    pthread_cond_t moved;
    bool pass;          /* one of them */
    bool hang, hanging; /* to make a sync wait, and that one does */
} fault = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static int fault_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    return fault.write_code ? fault.write_code : fault.real_methods->xWrite(f, p, n, at);
}

static int fault_sync(sqlite3_file *f, int flags)
{
    fault.syncs++;
    pthread_mutex_lock(&fault.lock);
    while (fault.hang && !fault.pass) {
        fault.hanging = true;
        pthread_cond_broadcast(&fault.moved);
        pthread_cond_wait(&fault.moved, &fault.lock);
    }
    fault.hanging = fault.pass = false;
    pthread_mutex_unlock(&fault.lock);
    return fault.sync_code ? fault.sync_code : fault.real_methods->xSync(f, flags);
}

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    int code;

    (void)vfs;
    code = fault.real->xOpen(fault.real, name, f, flags, out);
    if (code == SQLITE_OK && flags & SQLITE_OPEN_WAL) {
        fault.real_methods = f->pMethods;
        fault.methods = *f->pMethods;
        fault.methods.xWrite = fault_write;
        fault.methods.xSync = fault_sync;
        f->pMethods = &fault.methods;
    }
    return code;
}

static int restore(void **state)
{
    fault.write_code = fault.sync_code = 0;
    return tear_down(state);
}

static void disk_trouble(struct fix *f, int code, int want)
{
    open_it(f);
    assert_int_equal(put1(f, "k", "v"), 0);
    fault.write_code = code;
    assert_int_equal(put1(f, "k", "w"), want);
    assert_int_equal(put1(f, "l", "w"), want);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    t_str(f->a.items[0].value, S("v"));
    assert_int_equal(f->a.items[0].rev, 1);
    fault.write_code = 0;
    assert_int_equal(put1(f, "k", "x"), 0);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    assert_int_equal(f->a.items[0].rev, 2); /* what failed took no number */
}

static void a_full_disk_is_told_reads_go_on_and_writes_come_back(void **state)
{
    disk_trouble(*state, SQLITE_FULL, -ENOSPC);
}

static void a_failed_write_is_told_reads_go_on_and_writes_come_back(void **state)
{
    disk_trouble(*state, SQLITE_IOERR_WRITE, -EIO);
}

static void after_a_failed_fsync_writes_are_refused_until_reopened(void **state)
{
    struct fix *f = *state;

    open_it(f);
    assert_int_equal(put1(f, "k", "v"), 0);
    fault.sync_code = SQLITE_IOERR_FSYNC;
    assert_int_equal(put1(f, "k", "w"), -EIO);
    fault.sync_code = 0;
    assert_int_equal(put1(f, "k", "x"), -EIO);
    assert_int_equal(get(f->loop, f->kv, S("k"), &f->a), 0);
    t_str(f->a.items[0].value, S("v"));
    f->kv = kv_close(f->kv);
    open_it(f);
    assert_int_equal(put1(f, "k", "y"), 0);
}

static void on_turned(void *user)
{
    *(bool *)user = true;
}

/* Wait until the thread is in its fsync; it stays there until let_go(). */
static void hang(struct fix *f, struct answer *put_k, uint64_t deadline_ns)
{
    struct kv_op op = {.key = S("k"), .value = S("w")};
    bool turned = false;

    pthread_mutex_lock(&fault.lock);
    fault.hang = true;
    pthread_mutex_unlock(&fault.lock);
    kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1, .deadline_ns = deadline_ns}, on_txn,
           put_k);
    loop_defer(f->loop, on_turned, &turned); /* it is told of work at the end of the turn */
    loop_run_until(f->loop, &turned);
    pthread_mutex_lock(&fault.lock);
    while (!fault.hanging)
        pthread_cond_wait(&fault.moved, &fault.lock);
    pthread_mutex_unlock(&fault.lock);
}

/* That sync comes through, and the next one hangs. */
static void let_one_pass(void)
{
    pthread_mutex_lock(&fault.lock);
    fault.pass = true;
    pthread_cond_broadcast(&fault.moved);
    while (fault.pass || !fault.hanging)
        pthread_cond_wait(&fault.moved, &fault.lock);
    pthread_mutex_unlock(&fault.lock);
}

static void let_go(void)
{
    pthread_mutex_lock(&fault.lock);
    fault.hang = false;
    pthread_cond_broadcast(&fault.moved);
    pthread_mutex_unlock(&fault.lock);
}

static void while_the_disk_hangs_deadlines_are_kept(void **state)
{
    struct fix *f = *state;
    struct kv_op op = {.key = S("late")};
    struct answer *taken = xnew(struct answer), *late = xcalloc(3, sizeof(*late));
    uint64_t after[] = {3000000, 1000000, 2000000}, last_ns = clock_mono_ns() + 1000000000ull;

    open_it(f);
    assert_int_equal(put1(f, "k", "v"), 0);
    hang(f, taken, last_ns);
    for (int i = 0; i < 3; i++) {
        uint64_t deadline_ns = last_ns + after[i];

        kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1, .deadline_ns = deadline_ns}, on_txn,
               &late[i]);
        after[i] = deadline_ns;
    }
    kv_get(f->kv, S("k"), 0, on_get, &f->a); /* no deadline: it waits */
    for (int i = 0; i < 3; i++) {
        loop_run_until(f->loop, &late[i].done);
        assert_int_equal(late[i].r, -EAGAIN);
        assert_true(clock_mono_ns() >= after[i]);
    }
    assert_false(taken->done || f->a.done);
    let_go();
    loop_run_until(f->loop, &taken->done);
    loop_run_until(f->loop, &f->a.done);
    assert_int_equal(taken->r, 0); /* taken before its deadline, so that is past and over */
    t_str(f->a.items[0].value, S("w"));
    assert_int_equal(get(f->loop, f->kv, S("late"), &f->a), 0);
    assert_int_equal(f->a.n, 0);
    free(taken);
    free(late);
}

static void what_is_taken_too_late_is_not_applied(void **state)
{
    struct fix *f = *state;
    struct kv_op late_op = {.key = S("late")}, op = {.key = S("x")};
    struct answer *all = xcalloc(3, sizeof(*all));
    uint64_t deadline_ns;

    open_it(f);
    assert_int_equal(put1(f, "k", "v"), 0);
    hang(f, &all[0], 0);
    deadline_ns = clock_mono_ns() + 1000000;
    kv_txn(f->kv, &(struct kv_txn){.ops = &late_op, .nops = 1, .deadline_ns = deadline_ns}, on_txn,
           &all[1]);
    kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn, &all[2]);
    while (clock_mono_ns() < deadline_ns) /* without the loop, so without its alarm */
        continue;
    let_one_pass(); /* both are taken now: the next sync is theirs */
    let_go();
    for (int i = 0; i < 3; i++)
        loop_run_until(f->loop, &all[i].done);
    assert_int_equal(all[1].r, -EAGAIN);
    assert_int_equal(all[2].r, 0);
    assert_int_equal(all[2].rev, 3);
    assert_int_equal(get(f->loop, f->kv, S("late"), &f->a), 0);
    assert_int_equal(f->a.n, 0);
    free(all);
}

static void a_txn_that_meets_damage_leaves_its_batch_whole(void **state)
{
    struct fix *f = *state;
    struct kv_compare bad = {S("bad"), 1};
    struct kv_op op = {.key = S("x")};
    struct answer *all = xcalloc(3, sizeof(*all));
    struct heard *h;

    open_it(f);
    assert_int_equal(put1(f, "bad", "v"), 0);
    f->kv = kv_close(f->kv);
    run_sql(f, "UPDATE kv SET value = x'77' WHERE key = x'626164'");
    open_it(f);
    assert_int_equal(put1(f, "k", "v"), 0);
    hang(f, &all[0], 0);
    kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn, &all[1]);
    kv_txn(f->kv, &(struct kv_txn){&bad, 1, &op, 1, NULL, 0, 0}, on_txn, &all[2]);
    let_go();
    for (int i = 0; i < 3; i++)
        loop_run_until(f->loop, &all[i].done);
    assert_int_equal(all[1].r, 0);
    assert_int_equal(all[2].r, -EIO);
    f->kv = kv_close(f->kv);
    open_it(f);
    h = hear(f->kv, "", 0);
    assert_string_equal(heard(f->loop, h, 4), " 1 +bad 2 +k 3 +k 4 +x");
    heard_free(h);
    free(all);
}

static void only_what_was_committed_is_told(void **state)
{
    struct fix *f = *state;
    struct heard *h;

    open_it(f);
    h = hear(f->kv, "k", 0);
    assert_int_equal(put1(f, "k1", ""), 0);
    fault.write_code = SQLITE_FULL;
    assert_int_equal(put1(f, "k2", ""), -ENOSPC);
    fault.write_code = 0;
    assert_int_equal(put1(f, "k3", ""), 0);
    assert_string_equal(heard(f->loop, h, 2), " 1 +k1 2 +k3");
    heard_free(h);
    f->kv = kv_close(f->kv);
    open_it(f);
    h = hear(f->kv, "k", 0);
    assert_string_equal(heard(f->loop, h, 2), " 1 +k1 2 +k3");
    heard_free(h);
}

enum { CROWD = 256 };

static void txns_that_wait_together_share_a_sync(void **state)
{
    struct fix *f = *state;
    struct answer *all = xcalloc(CROWD, sizeof(*all));
    unsigned before;

    open_it(f);
    assert_int_equal(put1(f, "first", ""), 0);
    before = fault.syncs;
    for (int i = 0; i < CROWD; i++) {
        struct kv_op op = {.key = {(const char *)&i, sizeof(i)}, .value = S("v")};

        kv_txn(f->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_txn, &all[i]);
    }
    for (int i = 0; i < CROWD; i++) {
        loop_run_until(f->loop, &all[i].done);
        assert_int_equal(all[i].r, 0);
    }
    assert_true(fault.syncs > before); /* durable at all */
    assert_true(fault.syncs - before <= CROWD / 4);
    free(all);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, restore)
    const struct CMUnitTest tests[] = {
            T(a_full_disk_is_told_reads_go_on_and_writes_come_back),
            T(a_failed_write_is_told_reads_go_on_and_writes_come_back),
            T(after_a_failed_fsync_writes_are_refused_until_reopened),
            T(while_the_disk_hangs_deadlines_are_kept),
            T(what_is_taken_too_late_is_not_applied),
            T(a_txn_that_meets_damage_leaves_its_batch_whole),
            T(only_what_was_committed_is_told),
            T(txns_that_wait_together_share_a_sync),
    };

    fault.real = sqlite3_vfs_find(NULL);
    fault.vfs = *fault.real;
    fault.vfs.zName = "fault";
    fault.vfs.pNext = NULL;
    fault.vfs.xOpen = fault_open;
    sqlite3_vfs_register(&fault.vfs, 1);
    return T_RUN(tests);
}
