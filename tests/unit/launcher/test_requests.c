/* SPDX-License-Identifier: Apache-2.0 */
/* Which requests the launcher takes and which it refuses, asked of the real program, as root and as an
 * ordinary user. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"
#include "t.h"

enum { EMPTY = 2 /* slots the launcher keeps ready */ };

static void refuses(const struct rig *g, const struct launch_start *m, int code, const char *part)
{
    struct rig_instance in;
    char why[LAUNCH_TEXT];
    int r = rig_begin(g, m, &in, why);

    if (r == 0)
        fail_msg("started, and should have been refused with '%s'", part);
    t_has(why, part);
    assert_int_equal(r, code);
}

static void bad_requests_are_refused_with_a_sentence(void **state)
{
    struct rig *g = *state;
    const struct launch_start good = rig_request(g, 1);
    struct rig_count before, after;
    struct launch_start m;

    rig_settle(g, EMPTY, &before);
    m = good;
    snprintf(m.runtime, sizeof m.runtime, "cobol");
    refuses(g, &m, -ENOENT, "no runtime 'cobol'");
    memset(m.runtime, 'x', sizeof m.runtime);
    refuses(g, &m, -EINVAL, "not terminated");
    m = good;
    m.code[0] = 'b';
    refuses(g, &m, -ENOENT, "code 'b");
    memcpy(m.code, "../", 3);
    refuses(g, &m, -EINVAL, "sha256");
    m.code[0] = '\0';
    refuses(g, &m, -EINVAL, "sha256");
    memset(m.code, 'a', sizeof m.code);
    refuses(g, &m, -EINVAL, "sha256");
    m = good;
    m.code[0] = 'A';
    refuses(g, &m, -EINVAL, "sha256");
    m = good;
    memset(m.layers, 'b', LAUNCH_SHA - 1);
    refuses(g, &m, -ENOENT, "code 'u-b");
    memset(m.layers, 'b', sizeof m.layers);
    refuses(g, &m, -EINVAL, "layers");
    m = good;
    memcpy(m.layers, "../../etc", 9);
    refuses(g, &m, -EINVAL, "layers");
    m = good;
    m.layout = LAUNCH_LAYOUTS;
    refuses(g, &m, -EINVAL, "layout");
    m = good;
    snprintf(m.runtime, sizeof m.runtime, "absent");
    refuses(g, &m, -ENOENT, "run '/usr/bin/no-such-program'");
    rig_adopt(g);
    rig_take_hello(g);
    rig_settle(g, EMPTY, &after);
    assert_memory_equal(&before, &after, sizeof before);
}

static void links_in_the_code_cache_are_not_followed(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    char path[256];

    memset(m.code, 'c', LAUNCH_SHA - 1);
    snprintf(path, sizeof path, "%s/cache/code/%s", g->dir, m.code);
    assert_int_equal(symlink("/etc", path), 0);
    refuses(g, &m, -ELOOP, "code 'c");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(g->sha, path), 0);
    refuses(g, &m, -ELOOP, "code 'c");
    m = rig_request(g, 1);
    memset(m.layers, 'c', LAUNCH_SHA - 1);
    snprintf(path, sizeof path, "%s/cache/code/u-%s", g->dir, m.layers);
    assert_int_equal(symlink("/etc", path), 0);
    refuses(g, &m, -ELOOP, "code 'u-c");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(g->sha, path), 0);
    refuses(g, &m, -ELOOP, "code 'u-c");
}

static void numbers_are_checked_at_their_limits(void **state)
{
    static const struct {
        size_t offset;
        uint32_t min, max;
        const char *name;
    } fields[] = {
            {offsetof(struct launch_start, memory_mb), 64, 32768, "memory_mb"},
            {offsetof(struct launch_start, pids), 8, 1024, "pids"},
            {offsetof(struct launch_start, tmp_mb), 16, 10240, "tmp_mb"},
            {offsetof(struct launch_start, cpu_weight), 1, 10000, "cpu_weight"},
    };
    const struct rig *g = *state;

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const uint32_t good[] = {fields[i].min, fields[i].max};
        const uint32_t bad[] = {fields[i].min - 1, fields[i].max + 1, UINT32_MAX};
        struct launch_start m = rig_request(g, 1);
        struct rig_instance in;

        for (size_t k = 0; k < 2; k++) {
            memcpy((char *)&m + fields[i].offset, &good[k], sizeof good[k]);
            assert_int_equal(rig_begin(g, &m, &in, NULL), 0);
            rig_end(g, &in);
        }
        for (size_t k = 0; k < 3; k++) {
            memcpy((char *)&m + fields[i].offset, &bad[k], sizeof bad[k]);
            refuses(g, &m, -EINVAL, fields[i].name);
        }
    }
}

static void an_id_in_use_is_refused(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 7);
    struct rig_instance in;

    rig_run(g, 7, &in);
    refuses(g, &m, -EEXIST, "instance 7 lives");
    rig_is(&in, "ids", "uid 993 gid 993 pid 2\n");
    rig_end(g, &in);
}

static void killing_the_unknown_is_ignored(void **state)
{
    const struct rig *g = *state;
    struct rig_instance in;

    rig_kill(g, 12345);
    rig_run(g, 1, &in);
    rig_end(g, &in);
}

static void a_kill_right_after_a_start_is_answered_once(void **state)
{
    const struct rig *g = *state;
    struct launch_start m = rig_request(g, 1);
    union launch_message answer;

    rig_send(g, &m, sizeof m);
    rig_kill(g, 1);
    assert_true(rig_next(g, &answer, NULL, NULL) > 0);
    if (answer.type == LAUNCH_STARTED)
        assert_true(rig_take_exit(g, 1).killed);
    else
        assert_int_equal(answer.refused.code, -ECANCELED);
}

/* After nonsense the daemon is dropped with its instances; a fresh one is served. */

/* A launcher for each, so that one failure stays one failure. */
#define T(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(bad_requests_are_refused_with_a_sentence),
            T(links_in_the_code_cache_are_not_followed),
            T(numbers_are_checked_at_their_limits),
            T(an_id_in_use_is_refused),
            T(killing_the_unknown_is_ignored),
            T(a_kill_right_after_a_start_is_answered_once),
    };

    if (geteuid() != 0) {
        printf("1..0 # SKIP needs root, to play root and an ordinary user\n");
        return 0;
    }
    return cmocka_run_group_tests_name(rig_as_root() ? "launcher requests, root"
                                                     : "launcher requests, ordinary user",
                                       tests, NULL, NULL);
}
