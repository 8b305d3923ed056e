/* SPDX-License-Identifier: Apache-2.0 */
/* Layouts seen on real hosts and in containers, as text. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/cgroup_find.h"
#include "t.h"

static const char legacy_mounts[] =
        "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup "
        "rw,cpu,cpuacct\n"
        "36 31 0:33 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
static const char legacy_cgroups[] = "9:name=systemd:/\n"
                                     "4:memory:/user.slice\n"
                                     "2:cpu,cpuacct:/\n"
                                     "0::/user.slice/session-1.scope\n";
static const char unified_mounts[] =
        "22 28 0:20 / /sys rw,nosuid - sysfs sysfs rw\n"
        "29 22 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

static const struct {
    const char *what, *cgroups, *mounts, *controller;
    int want;
    const char *dir, *mount;
} cases[] = {
        {"v1", legacy_cgroups, legacy_mounts, "memory", 0, "/sys/fs/cgroup/memory/user.slice",
         "/sys/fs/cgroup/memory"},
        {"v1, two controllers in one", legacy_cgroups, legacy_mounts, "cpu", 0,
         "/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"},
        {"v1, by the whole word", legacy_cgroups, legacy_mounts, "cpuac", -ENOENT, NULL, NULL},
        {"v1, not mounted", "3:pids:/\n", legacy_mounts, "pids", -ENOENT, NULL, NULL},
        {"hybrid", legacy_cgroups, legacy_mounts, NULL, 0,
         "/sys/fs/cgroup/unified/user.slice/session-1.scope", "/sys/fs/cgroup/unified"},
        {"v2, a systemd unit", "0::/system.slice/evoke.service\n", unified_mounts, NULL, 0,
         "/sys/fs/cgroup/system.slice/evoke.service", "/sys/fs/cgroup"},
        {"v2 has no v1 controller", "0::/\n", unified_mounts, "memory", -ENOENT, NULL, NULL},
        {"v2, container with a namespace", "0::/\n",
         "99 98 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw\n", NULL, 0, "/sys/fs/cgroup",
         "/sys/fs/cgroup"},
        {"v2, container without one", "0::/docker/abc\n",
         "99 98 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", NULL, 0,
         "/sys/fs/cgroup", "/sys/fs/cgroup"},
        {"v2, below what a container sees", "0::/docker/abc/x\n",
         "99 98 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", NULL, 0,
         "/sys/fs/cgroup/x", "/sys/fs/cgroup"},
        {"v2, another container's mount", "0::/docker/abcd\n",
         "99 98 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", NULL, -ENOENT, NULL,
         NULL},
        {"v2, moved out of its namespace", "0::/../other\n", unified_mounts, NULL, -ENOENT, NULL,
         NULL},
        {"v2, a host's mount seen from a namespace", "0::/\n",
         "99 98 0:26 /../.. /host/cgroup rw - cgroup2 cgroup rw\n", NULL, -ENOENT, NULL, NULL},
        {"v2, the second mount fits", "0::/a\n",
         "98 97 0:26 /b /mnt rw - cgroup2 cgroup rw\n"
         "99 98 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
         NULL, 0, "/sys/fs/cgroup/a", "/sys/fs/cgroup"},
        {"no cgroups at all", "", "", NULL, -ENOENT, NULL, NULL},
        {"cut off", "0::", unified_mounts, NULL, -ENOENT, NULL, NULL},
        {"a mount line that is cut off", "0::/\n", "99 98 0:26 - cgroup2 x", NULL, -ENOENT, NULL,
         NULL},
};

static void every_layout_is_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cgroup_place place = {0};

        print_message("# %s\n", cases[i].what);
        assert_int_equal(cgroup_find(str_of(cases[i].cgroups), str_of(cases[i].mounts),
                                     cases[i].controller, &place),
                         cases[i].want);
        if (cases[i].want == 0) {
            assert_string_equal(place.dir, cases[i].dir);
            assert_string_equal(place.mount, cases[i].mount);
        }
    }
}

static void a_path_has_a_limit(void **state)
{
    char cgroups[CGROUP_PATH_MAX + 64];
    struct cgroup_place place;
    size_t n = CGROUP_PATH_MAX - 1 - strlen("/sys/fs/cgroup");

    (void)state;
    for (size_t more = 0; more < 2; more++) {
        int at = snprintf(cgroups, sizeof cgroups, "0::/");

        memset(cgroups + at, 'a', n + more - 1);
        cgroups[(size_t)at + n + more - 1] = '\0';
        assert_int_equal(cgroup_find(str_of(cgroups), str_of(unified_mounts), NULL, &place),
                         more ? -ENAMETOOLONG : 0);
    }
    assert_int_equal(strlen(place.dir), CGROUP_PATH_MAX - 1);
}

static void alone_is_one_pid_and_ours(void **state)
{
    (void)state;
    assert_true(cgroup_is_alone(S("42\n"), 42));
    assert_false(cgroup_is_alone(S("42\n43\n"), 42));
    assert_false(cgroup_is_alone(S("41\n42\n"), 42));
    assert_false(cgroup_is_alone(S("0\n42\n"), 42)); /* 0: in another pid namespace */
    assert_false(cgroup_is_alone(S("0\n"), 42));
    assert_false(cgroup_is_alone(S(""), 42));
    assert_false(cgroup_is_alone(S("421\n"), 42));
}

static void controllers_are_whole_words(void **state)
{
    (void)state;
    assert_true(cgroup_offers(S("cpuset cpu io memory pids\n"), "cpu"));
    assert_true(cgroup_offers(S("cpuset cpu io memory pids\n"), "pids"));
    assert_false(cgroup_offers(S("cpuset io memory pids\n"), "cpu"));
    assert_false(cgroup_offers(S("\n"), "memory"));
    assert_false(cgroup_offers(S(""), "memory"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(every_layout_is_understood),
            cmocka_unit_test(a_path_has_a_limit),
            cmocka_unit_test(alone_is_one_pid_and_ours),
            cmocka_unit_test(controllers_are_whole_words),
    };

    return T_RUN(tests);
}
