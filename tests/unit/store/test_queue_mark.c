/* SPDX-License-Identifier: Apache-2.0 */
/* The side mark: never ahead, never silently wrong. */
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "store/sqlite/queue_mark.h"
#include "t.h"
#include "tempdir.h"

enum { SIZE = 1024 };

struct fix {
    char *dir, *path, *file;
    struct queue_mark *mark;
    struct mark_point was;
    struct err e;
};

static int set_up(void **state)
{
    struct fix *f = xnew(struct fix);

    f->dir = tempdir_new_in_memory();
    f->path = xasprintf("%s/queue.db", f->dir);
    f->file = xasprintf("%s.mark", f->path);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fix *f = *state;

    queue_mark_close(f->mark);
    tempdir_free(f->dir);
    free(f->path);
    free(f->file);
    free(f);
    return 0;
}

static enum mark_state open_it(struct fix *f)
{
    enum mark_state state;

    t_ok(queue_mark_open(f->path, &f->mark, &state, &f->was, &f->e), &f->e);
    return state;
}

static enum mark_state reopen(struct fix *f)
{
    f->mark = queue_mark_close(f->mark);
    return open_it(f);
}

static void what_was_written_last_is_read(void **state)
{
    struct fix *f = *state;

    assert_int_equal(open_it(f), MARK_NONE);
    assert_int_equal(f->was.commit, 0);
    for (uint64_t i = 1; i <= 5; i++) {
        queue_mark_commit(f->mark, i, i * 10);
        assert_int_equal(reopen(f), MARK_WHOLE);
        assert_int_equal(f->was.commit, i);
        assert_int_equal(f->was.next_seq, i * 10);
        assert_int_equal(f->was.copied, i > 3 ? 3 : 0);
        assert_int_equal(f->was.copying, i == 3);
        assert_false(f->was.damaged);
        if (i == 2)
            queue_mark_copying(f->mark);
        if (i == 3)
            queue_mark_copied(f->mark);
    }
    queue_mark_damaged(f->mark);
    assert_int_equal(reopen(f), MARK_WHOLE);
    assert_true(f->was.damaged);
    assert_int_equal(f->was.commit, 5);
    t_ok(queue_mark_set(f->mark, &(struct mark_point){.commit = 2}, &f->e), &f->e);
    assert_int_equal(reopen(f), MARK_WHOLE);
    assert_int_equal(f->was.commit, 2); /* also back, when that is what there is */
    assert_false(f->was.damaged);
    assert_int_equal(queue_mark_errors(f->mark), 0);
}

static void write_file(struct fix *f, const uint8_t *p, size_t n)
{
    int fd = open(f->file, O_WRONLY | O_TRUNC | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(io_write_all(fd, p, n), 0);
    close(fd);
}

static void read_file(struct fix *f, uint8_t *p)
{
    int fd = open(f->file, O_RDONLY | O_CLOEXEC);

    assert_int_equal(io_read_full(fd, p, SIZE), SIZE);
    close(fd);
}

static void every_flip_is_told_and_costs_one_commit_at_most(void **state)
{
    struct fix *f = *state;
    uint8_t bytes[SIZE];

    open_it(f);
    for (uint64_t i = 1; i <= 6; i++)
        queue_mark_commit(f->mark, i, i);
    f->mark = queue_mark_close(f->mark);
    read_file(f, bytes);
    for (size_t bit = 0; bit < SIZE * 8; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_file(f, bytes, SIZE);
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(open_it(f), MARK_DAMAGED);
        assert_true(f->was.commit == 6 || f->was.commit == 5);
        if (bit % 512 == 0) { /* written anew it is whole */
            t_ok(queue_mark_set(f->mark, &(struct mark_point){.commit = 6}, &f->e), &f->e);
            assert_int_equal(reopen(f), MARK_WHOLE);
            assert_int_equal(f->was.commit, 6);
        }
        f->mark = queue_mark_close(f->mark);
    }
}

static void every_other_length_is_told(void **state)
{
    struct fix *f = *state;
    uint8_t bytes[SIZE + 1] = {0};

    open_it(f);
    queue_mark_commit(f->mark, 1, 1);
    f->mark = queue_mark_close(f->mark);
    read_file(f, bytes);
    for (size_t n = 0; n <= SIZE + 1; n++) {
        write_file(f, bytes, n);
        assert_int_equal(open_it(f), n == SIZE ? MARK_WHOLE : MARK_DAMAGED);
        assert_true(f->was.commit <= 1);
        f->mark = queue_mark_close(f->mark);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
            T(what_was_written_last_is_read),
            T(every_flip_is_told_and_costs_one_commit_at_most),
            T(every_other_length_is_told),
    };

    return T_RUN(tests);
}
