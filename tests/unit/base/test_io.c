/* SPDX-License-Identifier: Apache-2.0 */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "t.h"

static char dir_path[64];
static int dir = -1;

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir_path, sizeof(dir_path), "/tmp/evoke-test-io-XXXXXX");
    if (!mkdtemp(dir_path))
        return -1;
    dir = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -1 : 0;
}

static int drop_dir(void **state)
{
    (void)state;
    dir = fd_close(dir);
    return io_remove_tree(AT_FDCWD, dir_path);
}

static void a_written_file_reads_back(void **state)
{
    struct err e = {0};
    struct stat st;
    struct buf b;

    (void)state;
    t_ok(io_write_file(dir, "f", S("old"), 0600, &e), &e);
    t_ok(io_write_file(dir, "f", S("new\0text"), 0600, &e), &e);
    buf_init(&b, 8);
    t_ok(io_read_file(dir, "f", &b, &e), &e);
    t_str(buf_str(&b), S("new\0text"));
    assert_int_equal(fstatat(dir, "f", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    t_ok(io_write_file(dir, "f", STR_NONE, 0600, &e), &e);
    buf_reset(&b);
    t_ok(io_read_file(dir, "f", &b, &e), &e);
    assert_int_equal(b.n, 0);
    buf_done(&b);
}

static void a_file_over_the_ceiling_is_refused_whole(void **state)
{
    char big[9000];
    struct err e = {0};
    struct buf b;

    (void)state;
    memset(big, 'x', sizeof(big));
    t_ok(io_write_file(dir, "big", (struct str){big, sizeof(big)}, 0600, &e), &e);
    buf_init(&b, sizeof(big) + 2);
    buf_addz(&b, "ab");
    t_ok(io_read_file(dir, "big", &b, &e), &e);
    assert_int_equal(b.n, sizeof(big) + 2);
    buf_drop(&b, sizeof(big) - 1);
    assert_int_equal(io_read_file(dir, "big", &b, &e), -EMSGSIZE);
    assert_int_equal(e.kind, ERR_LIMIT);
    t_str(buf_str(&b), S("xxx"));
    assert_int_equal(io_read_file(dir, "none", &b, &e), -ENOENT);
    t_has(e.msg, "open 'none'");
    assert_int_equal(io_read_file(dir, ".", &b, &e), -EISDIR);
    buf_done(&b);
}

static void a_failed_write_leaves_the_old_file_and_no_litter(void **state)
{
    struct err e = {0};

    (void)state;
    assert_int_equal(mkdirat(dir, "taken", 0700), 0);
    assert_int_equal(mkdirat(dir, "taken/inside", 0700), 0);
    assert_true(io_write_file(dir, "taken", S("x"), 0600, &e) < 0);
    assert_int_equal(io_write_file(dir, "no/such/dir", S("x"), 0600, &e), -ENOENT);
    assert_int_equal(unlinkat(dir, "taken/inside", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(dir, "taken", AT_REMOVEDIR), 0);
    assert_int_equal(rmdir(dir_path), 0); /* nothing else was left in it */
    assert_int_equal(mkdir(dir_path, 0700), 0);
}

static void makes_all_missing_directories(void **state)
{
    struct err e = {0};
    char path[128];

    (void)state;
    snprintf(path, sizeof(path), "%s//a/b/c/", dir_path);
    t_ok(io_mkdir_p(path, 0700, &e), &e);
    t_ok(io_mkdir_p(path, 0700, &e), &e);
    assert_int_equal(faccessat(dir, "a/b/c", X_OK, 0), 0);
    t_ok(io_write_file(dir, "a/file", S(""), 0600, &e), &e);
    snprintf(path, sizeof(path), "%s/a/file", dir_path);
    assert_int_equal(io_mkdir_p(path, 0700, &e), -ENOTDIR);
    snprintf(path, sizeof(path), "%s/a/file/x", dir_path);
    assert_int_equal(io_mkdir_p(path, 0700, &e), -ENOTDIR);
    assert_int_equal(io_mkdir_p("", 0700, &e), -ENOENT);
    t_ok(io_mkdir_p("/", 0700, &e), &e);
}

static void removes_deep_trees_and_follows_no_link(void **state)
{
    struct err e = {0};
    int at = dup(dir);

    (void)state;
    t_ok(io_write_file(dir, "kept", S("x"), 0600, &e), &e);
    assert_int_equal(mkdirat(dir, "tree", 0700), 0);
    assert_int_equal(mkdirat(dir, "outside", 0700), 0);
    t_ok(io_write_file(dir, "outside/kept", S("x"), 0600, &e), &e);
    /* Deeper than we may have descriptors, and longer than any path. */
    for (int i = 0; i < 3000; i++) {
        const char *name = i == 0 ? "tree" : ".rm-0";
        int next;

        assert_true(i == 0 || mkdirat(at, name, 0700) == 0);
        next = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(at);
        at = next;
        if (i % 100 == 0) {
            assert_int_equal(symlinkat(dir_path, at, "link"), 0);
            t_ok(io_write_file(at, ".rm-1", S(""), 0600, &e), &e);
        }
    }
    close(at);
    assert_int_equal(io_remove_tree(dir, "tree"), 0);
    assert_int_equal(faccessat(dir, "tree", F_OK, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(symlinkat("outside", dir, "link"), 0);
    assert_int_equal(io_remove_tree(dir, "link"), 0);
    assert_int_equal(faccessat(dir, "outside/kept", F_OK, 0), 0);
    assert_int_equal(faccessat(dir, "kept", F_OK, 0), 0);
    assert_int_equal(io_remove_tree(dir, "kept"), 0);
    assert_int_equal(io_remove_tree(dir, "never was"), 0);
}

static void reads_and_writes_finish(void **state)
{
    char out[10];
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(io_write_all(fds[1], "hello", 5), 0);
    assert_int_equal(io_write_all(fds[1], NULL, 0), 0);
    close(fds[1]);
    assert_int_equal(io_read_full(fds[0], out, 3), 3);
    assert_int_equal(io_read_full(fds[0], out, sizeof(out)), 2);
    assert_int_equal(io_read_full(fds[0], out, sizeof(out)), 0);
    close(fds[0]);
    assert_int_equal(io_read_full(-1, out, 1), -EBADF);
    assert_int_equal(io_write_all(-1, out, 1), -EBADF);
}

/* How many descriptors this process has: the lowest free number tells about leaks. */
static int lowest_free(void)
{
    int fd = dup(0);

    close(fd);
    return fd;
}

static void descriptors_travel_and_are_closed_on_exec(void **state)
{
    int pair[2], fds[IO_MAX_FDS + 1], got[IO_MAX_FDS];
    size_t n = IO_MAX_FDS;
    char text[16];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    for (int i = 0; i <= IO_MAX_FDS; i++)
        fds[i] = dir;
    assert_int_equal(io_send_fds(pair[0], "hi", 2, fds, IO_MAX_FDS + 1), -EINVAL);
    assert_int_equal(io_send_fds(pair[0], "hi", 2, fds, IO_MAX_FDS), 0);
    assert_int_equal(io_recv_fds(pair[1], text, sizeof(text), got, &n), 2);
    assert_int_equal(n, IO_MAX_FDS);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
        close(got[i]);
    }
    assert_int_equal(io_send_fds(pair[0], "x", 1, NULL, 0), 0);
    n = 1;
    assert_int_equal(io_recv_fds(pair[1], text, sizeof(text), got, &n), 1);
    assert_int_equal(n, 0);
    close(pair[0]);
    assert_int_equal(io_recv_fds(pair[1], text, sizeof(text), got, &n), 0);
    close(pair[1]);
}

static void too_many_descriptors_or_bytes_leak_nothing(void **state)
{
    int pair[2], fds[3] = {dir, dir, dir}, got[2], before;
    char text[4];
    size_t n = 2;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    before = lowest_free();
    assert_int_equal(io_send_fds(pair[0], "hi", 2, fds, 3), 0);
    assert_int_equal(io_recv_fds(pair[1], text, sizeof(text), got, &n), -EMSGSIZE);
    assert_int_equal(n, 0);
    n = 2;
    assert_int_equal(io_send_fds(pair[0], "12345", 5, fds, 2), 0);
    assert_int_equal(io_recv_fds(pair[1], text, sizeof(text), got, &n), -EMSGSIZE);
    assert_int_equal(lowest_free(), before);
    close(pair[0]);
    assert_int_equal(io_send_fds(pair[1], "x", 1, NULL, 0), -EPIPE);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test_setup_teardown(a_written_file_reads_back, make_dir, drop_dir),
            cmocka_unit_test_setup_teardown(a_file_over_the_ceiling_is_refused_whole, make_dir,
                                            drop_dir),
            cmocka_unit_test_setup_teardown(a_failed_write_leaves_the_old_file_and_no_litter,
                                            make_dir, drop_dir),
            cmocka_unit_test_setup_teardown(makes_all_missing_directories, make_dir, drop_dir),
            cmocka_unit_test_setup_teardown(removes_deep_trees_and_follows_no_link, make_dir,
                                            drop_dir),
            cmocka_unit_test(reads_and_writes_finish),
            cmocka_unit_test_setup_teardown(descriptors_travel_and_are_closed_on_exec, make_dir,
                                            drop_dir),
            cmocka_unit_test_setup_teardown(too_many_descriptors_or_bytes_leak_nothing, make_dir,
                                            drop_dir),
    };

    return T_RUN(tests);
}
