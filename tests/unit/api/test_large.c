/* SPDX-License-Identifier: Apache-2.0 */
/* test_large.c - bodies that are verified and parsed beside the loop. */
#include "rig.h"

#include <sys/socket.h>

#include "t.h"

struct upload {
    int fd;
    struct buf bytes;
    pthread_t thread;
};

static void *send_all(void *user)
{
    struct upload *u = user;

    for (size_t done = 0; done < u->bytes.n;) {
        ssize_t n = send(u->fd, u->bytes.p + done, u->bytes.n - done, MSG_NOSIGNAL);

        if (n <= 0)
            break; /* the test sees that nothing is examined */
        done += (size_t)n;
    }
    return NULL;
}

static void look_whether_examining(void *user)
{
    struct rig *rig = user;

    if (!atomic_load(&examining))
        loop_defer(rig->loop, look_whether_examining, rig);
    else
        seen.was_parked = true;
}

/* A body of LARGE bytes, from `first` on filled with blanks; returns when a worker has it. */
static void upload(struct rig *rig, const char *first)
{
    struct upload u;

    buf_init(&u.bytes, LARGE + 4096);
    buf_addf(&u.bytes, "POST /cloud/document HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s",
             LARGE, first);
    memset(buf_room(&u.bytes, LARGE - strlen(first)), ' ', LARGE - strlen(first));
    buf_grew(&u.bytes, LARGE - strlen(first));
    loop_thread = pthread_self();
    atomic_store(&examining, false);
    rig_dial(rig, "");
    u.fd = rig->fd;
    assert_int_equal(pthread_create(&u.thread, NULL, send_all, &u), 0);
    loop_defer(rig->loop, look_whether_examining, rig);
    loop_run_until(rig->loop, &seen.was_parked);
    assert_int_equal(pthread_join(u.thread, NULL), 0);
    buf_done(&u.bytes);
}

static const char *answer_of_upload(struct rig *rig, const char *first)
{
    upload(rig, first);
    assert_int_equal(seen.verified + seen.handled, 0);
    assert_int_equal(sem_post(&gate), 0);
    return rig_hear(rig);
}

static void a_large_body_is_verified_and_parsed_beside_the_loop(void **state)
{
    t_has(answer_of_upload(*state, "{\"a\":1}"), "\r\n\r\nparsed");
    assert_int_equal(seen.verified, 1);
}

static void a_large_body_that_is_no_json_says_where(void **state)
{
    t_has(answer_of_upload(*state, "{\"a\":}"), "cloud 400 NotJson: ");
}

static void a_large_body_with_a_wrong_signature_keeps_the_handler_out(void **state)
{
    refuse_body = true;
    t_has(answer_of_upload(*state, "{}"), "cloud 403 -: signature");
    assert_int_equal(seen.handled, 0);
}

static void a_client_that_leaves_while_its_body_is_verified_leaves_nothing_behind(void **state)
{
    struct rig *rig = *state;
    struct http_stats stats;

    upload(rig, "{}");
    do {
        rig_hang_up(rig);
        t_has(rig_ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok");
        http_server_stats(rig->http, &stats);
    } while (stats.cancelled == 0);
    assert_int_equal(stats.body_bytes, LARGE); /* the worker still reads it */
    assert_int_equal(sem_post(&gate), 0);
    do {
        rig_hang_up(rig);
        t_has(rig_ask(rig, "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n"), "ok");
        http_server_stats(rig->http, &stats);
    } while (stats.body_bytes > 0);
    assert_int_equal(seen.handled, 0);
}

static void the_server_may_go_while_a_body_is_verified(void **state)
{
    upload(*state, "{}"); /* the rig is closed next; loop_free() waits for the worker */
    assert_int_equal(sem_post(&gate), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            WITH_RIG(a_large_body_is_verified_and_parsed_beside_the_loop),
            WITH_RIG(a_large_body_that_is_no_json_says_where),
            WITH_RIG(a_large_body_with_a_wrong_signature_keeps_the_handler_out),
            WITH_RIG(a_client_that_leaves_while_its_body_is_verified_leaves_nothing_behind),
            WITH_RIG(the_server_may_go_while_a_body_is_verified),
    };

    return T_RUN(tests);
}
