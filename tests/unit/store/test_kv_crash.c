/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kill -9 at any point: whatever was acknowledged is there, and what is there is whole.
 *
 * A child writes txns and, in each completion, tells a pipe the number that is now on disk. The
 * parent reads some of them, kills the child, opens the store and compares.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kv_sync.h"
#include "t.h"
#include "tempdir.h"

enum { ROUNDS = 20, AHEAD = 16, PADDING = 2000 };

static struct kv *open_store(struct loop *l, const char *dir)
{
    cleanup_free char *path = xasprintf("%s/meta.db", dir);
    struct err e = {0};
    struct kv *kv = NULL;

    t_ok(kv_sqlite_open(l, path, &kv, &e), &e);
    return kv;
}

/* Two keys per txn, both saying the same number: a torn txn would show. */
struct writer {
    struct kv *kv;
    int pipe;
    uint32_t next;
};

static void write_next(struct writer *w);

struct sent {
    struct writer *w;
    uint32_t number;
};

static void on_written(void *user, int r, uint64_t rev)
{
    struct sent *s = user;

    (void)rev;
    if (r < 0 || write(s->w->pipe, &s->number, sizeof(s->number)) != sizeof(s->number))
        _exit(1);
    write_next(s->w);
    free(s);
}

static void write_next(struct writer *w)
{
    struct sent *s = xnew(struct sent);
    char a[16], b[16], value[PADDING];
    struct kv_op ops[2];

    *s = (struct sent){w, w->next++};
    snprintf(a, sizeof(a), "a%08u", s->number);
    snprintf(b, sizeof(b), "b%08u", s->number);
    memset(value, 'x', sizeof(value));
    snprintf(value, sizeof(value), "%u", s->number);
    ops[0] = (struct kv_op){.key = str_of(a), .value = {value, sizeof(value)}};
    ops[1] = (struct kv_op){.key = str_of(b), .value = {value, sizeof(value)}};
    kv_txn(w->kv, &(struct kv_txn){.ops = ops, .nops = 2}, on_written, s);
}

static void child(const char *dir, int pipe_fd, uint32_t from)
{
    struct loop *l = loop_new();
    struct writer w = {open_store(l, dir), pipe_fd, from};

    for (int i = 0; i < AHEAD; i++)
        write_next(&w);
    loop_run(l);
}

/* Data and history are of one commit: every number is told once, as both of its keys. */
static void check_history(struct loop *l, struct kv *kv, uint32_t n)
{
    struct heard *h = hear(kv, "", 0);
    const char *at = heard(l, h, n);

    assert_true(n <= KV_HISTORY && h->end == 0);
    assert_int_equal(h->calls, n);
    for (uint32_t i = 0; i < n; i++) {
        char want[64];
        int len = snprintf(want, sizeof(want), " %u +a%08u +b%08u", i + 1, i, i);

        assert_memory_equal(at, want, len);
        at += len;
    }
    heard_free(h);
}

/* Every number from 0 to n - 1 is there twice; returns how many there are in all. */
static uint32_t check(const char *dir, uint32_t n)
{
    struct loop *l = loop_new();
    struct kv *kv = open_store(l, dir);
    struct answer *a = xnew(struct answer);
    uint32_t count[2] = {0, 0};

    for (int side = 0; side < 2; side++) {
        struct str prefix = side ? S("b") : S("a");
        char after[16] = "";

        do {
            assert_int_equal(list(l, kv, prefix, str_of(after), 500, a), 0);
            for (uint32_t i = 0; i < a->n; i++) {
                uint64_t number;

                assert_int_equal(a->items[i].value.n, PADDING);
                assert_int_equal(str_u64(str_from(a->items[i].key, 1), 0, UINT32_MAX, &number), 0);
                assert_int_equal(number, count[side]);
                assert_int_equal(strtoull(a->items[i].value.p, NULL, 10), number);
                count[side]++;
                snprintf(after, sizeof(after), "%.*s", STR_ARG(a->items[i].key));
            }
        } while (a->more);
    }
    answer_done(a);
    free(a);
    check_history(l, kv, count[0]);
    kv_close(kv);
    loop_free(l);
    assert_int_equal(count[0], count[1]);
    assert_true(count[0] >= n);
    return count[0];
}

static void what_was_acknowledged_survives_kill_9(void **state)
{
    char *dir = tempdir_new();
    uint32_t total = 0;
    unsigned seed = 20261121;

    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t want = (uint32_t)rand_r(&seed) % 60, acknowledged = total, number;
        int fds[2], status;
        pid_t pid;

        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(fds[0]);
            child(dir, fds[1], total);
            _exit(1);
        }
        close(fds[1]);
        for (uint32_t i = 0; i <= want; i++) {
            assert_int_equal(io_read_full(fds[0], &number, sizeof(number)), sizeof(number));
            assert_int_equal(number, acknowledged); /* txns of one caller commit in order */
            acknowledged++;
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        while (io_read_full(fds[0], &number, sizeof(number)) == sizeof(number))
            acknowledged++;
        close(fds[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        total = check(dir, acknowledged);
    }
    assert_true(total >= ROUNDS);
    tempdir_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_was_acknowledged_survives_kill_9),
    };
    return T_RUN(tests);
}
