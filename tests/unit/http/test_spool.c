/* SPDX-License-Identifier: Apache-2.0 */
/* test_spool.c - large bodies on disk: from which size, up to which budget, how they are seen, and
 * what a client hears when the disk is full. The linker lets pwrite(2) fail when told to. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/spool.h"
#include "t.h"
#include "tempdir.h"
#include "world.h"

enum { FROM = 64 * 1024, BUDGET = 300000, LARGEST_PAGE = 64 * 1024 };

static struct world *w;
static char *dir;
static int dir_fd;
static int pwrite_errno;
static struct buf body;

ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at);

ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at)
{
    if (!pwrite_errno) /* and never much at once */
        return __real_pwrite64(fd, p, n > 50000 ? 50000 : n, at);
    errno = pwrite_errno;
    return -1;
}

static void spools(struct http_limits *l)
{
    l->spool_dir = dir_fd;
    l->spool_budget_bytes = BUDGET;
    l->body_budget_bytes = FROM;
}

static int setup(void **state)
{
    (void)state;
    dir = tempdir_new();
    dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    pwrite_errno = 0;
    w = world_new(spools);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_free(w);
    dir_fd = fd_close(dir_fd);
    dir = tempdir_free(dir);
    buf_done(&body);
    return 0;
}

/* The spool's files of this process; *ret_bytes: what they take on the disk. */
static int files(uint64_t *ret_bytes)
{
    DIR *fds = opendir("/proc/self/fd");
    struct dirent *entry;
    int n = 0;

    *ret_bytes = 0;
    while ((entry = readdir(fds))) {
        char path[300], to[300] = "";
        struct stat st;

        (void)snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, to, sizeof to - 1) < 0 || strncmp(to, dir, strlen(dir)) != 0 ||
            stat(path, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        *ret_bytes += (uint64_t)st.st_blocks * 512;
        n++;
    }
    (void)closedir(fds);
    return n;
}

static void make_body(size_t n)
{
    buf_done(&body);
    buf_init(&body, n);
    (void)buf_room(&body, n);
    for (size_t i = 0; i < n; i++)
        body.p[i] = world_letter(i);
    buf_grew(&body, n);
}

static bool one_parked(struct world *x)
{
    return x->nparked == 1;
}

static bool two_parked(struct world *x)
{
    return x->nparked == 2;
}

static bool one_cancelled(struct world *x)
{
    return x->cancels == 1;
}

static bool four_bytes_on_disk(struct world *x)
{
    return world_stats(x).spool_bytes == 4;
}

static struct client *send_body(const char *path, size_t n)
{
    struct client *c = client_new(w);
    char head[100];

    make_body(n);
    (void)snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                   path, n);
    client_send(c, head);
    client_send_bytes(c, buf_str(&body));
    return c;
}

static struct client *send_chunks(const char *path, size_t n)
{
    struct client *c = client_new(w);
    char head[200];

    make_body(n);
    (void)snprintf(head, sizeof head,
                   "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", path,
                   n);
    client_send(c, head);
    client_send_bytes(c, buf_str(&body));
    client_send(c, "\r\n0\r\n\r\n");
    return c;
}

static void park_and_echo(struct client *c)
{
    struct http_request *r;

    world_until(w, one_parked);
    r = w->parked[0];
    assert_true(str_eq(r->body, buf_str(&body)));
    w->parked[0] = NULL;
    w->nparked = 0;
    http_reply(r, 200, S("text/plain"), S("thanks"));
    client_want(c, "thanks");
    assert_int_equal(world_stats(w).body_bytes, 0);
    assert_int_equal(world_stats(w).spool_bytes, 0);
}

static void a_body_at_the_threshold_is_in_memory_and_a_larger_one_on_disk(void **state)
{
    uint64_t on_disk;
    struct client *c = send_body("/park", FROM);

    (void)state;
    world_until(w, one_parked);
    assert_int_equal(world_stats(w).body_bytes, FROM);
    assert_int_equal(files(&on_disk), 0);
    park_and_echo(c);
    c = send_body("/park", FROM + 1);
    world_until(w, one_parked);
    assert_int_equal(world_stats(w).body_bytes, 0);
    assert_int_equal(world_stats(w).spool_bytes, FROM + 1);
    assert_int_equal(files(&on_disk), 1);
    assert_true(on_disk >= FROM);
    park_and_echo(c);
    assert_int_equal(files(&on_disk), 0);
}

static void a_chunked_body_moves_to_disk_when_it_is_found_to_be_large(void **state)
{
    uint64_t on_disk;
    struct client *c = send_chunks("/park", FROM);

    (void)state;
    world_until(w, one_parked);
    assert_int_equal(world_stats(w).body_bytes, FROM);
    assert_int_equal(files(&on_disk), 0);
    park_and_echo(c);
    c = send_chunks("/park", FROM + 1);
    world_until(w, one_parked);
    assert_int_equal(world_stats(w).body_bytes, 0);
    assert_int_equal(world_stats(w).spool_bytes, FROM + 1);
    park_and_echo(c);
}

static void bodies_side_by_side_keep_apart(void **state)
{
    struct client *c = send_body("/park", 100000), *d;
    uint64_t on_disk;

    (void)state;
    world_until(w, one_parked);
    d = send_chunks("/park", 150000);
    world_until(w, two_parked);
    assert_int_equal(files(&on_disk), 1);
    assert_true(str_eq(w->parked[1]->body, buf_str(&body)));
    assert_true(str_eq(w->parked[0]->body, (struct str){body.p, 100000}));
    http_reply(w->parked[0], 200, S("text/plain"), S("thanks"));
    client_want(c, "thanks");
    assert_true(str_eq(w->parked[1]->body, buf_str(&body)));
    assert_int_equal(files(&on_disk), 1);
    assert_true(on_disk < 250000); /* the first one's blocks are free again */
    http_reply(w->parked[1], 200, S("text/plain"), S("thanks"));
    client_want(d, "thanks");
    assert_int_equal(files(&on_disk), 0);
}

static void the_disk_has_a_budget_of_its_own(void **state)
{
    struct client *c = send_body("/park", BUDGET), *d;

    (void)state;
    world_until(w, one_parked);
    d = send_body("/echo", FROM + 1);
    client_want_end(d);
    t_has(d->got.p, "HTTP/1.1 503 ");
    d = send_body("/echo", FROM); /* memory has its own */
    client_want(d, "HTTP/1.1 200 ");
    make_body(BUDGET);
    park_and_echo(c);
    c = send_body("/echo", BUDGET + 1);
    client_want_end(c);
    t_has(c->got.p, "HTTP/1.1 503 ");
    d = send_chunks("/echo", BUDGET + 1);
    client_want_end(d);
    t_has(d->got.p, "HTTP/1.1 503 ");
    assert_int_equal(world_stats(w).spool_bytes, 0);
    c = send_chunks("/park", BUDGET);
    park_and_echo(c);
}

static void a_full_disk_is_said(void **state)
{
    struct client *c, *d, *e;

    (void)state;
    pwrite_errno = ENOSPC;
    c = send_body("/echo", FROM + 1);
    client_want_end(c);
    t_has(c->got.p, "HTTP/1.1 503 Service Unavailable\r\n");
    t_has(c->got.p, "no room on the disk");
    d = send_chunks("/echo", FROM + 1);
    client_want_end(d);
    t_has(d->got.p, "HTTP/1.1 503 ");
    pwrite_errno = EIO;
    e = send_body("/echo", FROM + 1);
    client_want_end(e);
    t_has(e->got.p, "HTTP/1.1 503 ");
    assert_int_equal(w->requests, 0);
    assert_int_equal(world_stats(w).spool_bytes, 0);
    assert_int_equal(world_stats(w).body_bytes, 0);
    pwrite_errno = 0;
    c = send_body("/park", FROM + 1);
    park_and_echo(c);
}

static void what_is_only_announced_costs_nothing(void **state)
{
    struct client *c = client_new(w);
    uint64_t on_disk;

    (void)state;
    client_send(c, "POST /park HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\nsome");
    world_until(w, four_bytes_on_disk);
    assert_int_equal(files(&on_disk), 1);
    assert_true(on_disk <= LARGEST_PAGE);
    client_close(c, false);
    world_until(w, one_cancelled);
    assert_int_equal(world_stats(w).spool_bytes, 0);
    assert_int_equal(files(&on_disk), 0);
}

static void a_held_body_outlives_its_client_and_the_server(void **state)
{
    struct client *c = send_body("/park", FROM + 1);
    struct http_request *r;
    uint64_t on_disk;

    (void)state;
    world_until(w, one_parked);
    r = w->parked[0];
    http_hold(r);
    client_close(c, false);
    world_until(w, one_cancelled);
    assert_true(str_eq(r->body, buf_str(&body)));
    assert_int_equal(world_stats(w).spool_bytes, FROM + 1);
    w->server = http_server_free(w->server);
    assert_true(str_eq(r->body, buf_str(&body)));
    assert_int_equal(files(&on_disk), 1);
    http_release(r);
    assert_int_equal(files(&on_disk), 0);
}

static void a_file_that_has_run_to_its_end_is_left_to_those_in_it(void **state)
{
    struct spooled a = {0}, b = {0}, c = {0};
    struct spool s;
    struct str seen;
    uint64_t on_disk;

    (void)state;
    spool_init(&s, dir_fd);
    assert_int_equal(spool_begin(&s, (1ull << 40) + 1, &a), -EFBIG);
    assert_int_equal(spool_begin(&s, 1ull << 40, &a), 0); /* all of a file */
    assert_int_equal(spool_begin(&s, 1, &b), 0);
    assert_int_equal(spool_begin(&s, 1, &c), 0);
    assert_int_equal(files(&on_disk), 2);
    assert_int_equal(spool_add(&a, S("first")), 0);
    assert_int_equal(spool_add(&b, S("second")), 0);
    assert_int_equal(spool_add(&c, S("third")), 0);
    assert_int_equal(spool_map(&a, &seen), 0);
    t_str(seen, S("first"));
    assert_int_equal(spool_map(&b, &seen), 0);
    t_str(seen, S("second"));
    spool_drop(&a);
    assert_int_equal(files(&on_disk), 1);
    spool_drop(&a); /* nothing */
    spool_done(&s);
    t_str(seen, S("second"));
    spool_drop(&b);
    assert_int_equal(spool_map(&c, &seen), 0);
    t_str(seen, S("third"));
    spool_drop(&c);
    assert_int_equal(files(&on_disk), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_body_at_the_threshold_is_in_memory_and_a_larger_one_on_disk),
            T(a_chunked_body_moves_to_disk_when_it_is_found_to_be_large),
            T(bodies_side_by_side_keep_apart),
            T(the_disk_has_a_budget_of_its_own),
            T(a_full_disk_is_said),
            T(what_is_only_announced_costs_nothing),
            T(a_held_body_outlives_its_client_and_the_server),
            T(a_file_that_has_run_to_its_end_is_left_to_those_in_it),
    };

    return T_RUN(tests);
}
