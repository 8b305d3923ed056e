/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_cgroup.c - where our cgroups are. Form feeds part the input: text of /proc/self/cgroup, of
 * mountinfo, of cgroup.procs. What is found lies below what is mounted, and is made of words that
 * stand in both texts.
 */
#include <string.h>

#include "fuzz.h"
#include "sandbox/cgroup_find.h"

static void place_is_sound(struct str cgroups, struct str mounts, const char *controller)
{
    struct cgroup_place place;
    struct str dir, mount, below;

    if (cgroup_find(cgroups, mounts, controller, &place) < 0)
        return;
    dir = str_of(place.dir);
    mount = str_of(place.mount);
    holds(mount.n > 0 && mount.p[0] == '/' && str_starts(dir, mount));
    below = str_from(dir, mount.n);
    holds(below.n == 0 || (below.p[0] == '/' && below.n > 1));
    holds(str_find(below, S("/..")) != 0);
    holds(str_find(mounts, mount) >= 0 && str_find(cgroups, below) >= 0);
    if (controller)
        holds(str_find(cgroups, str_of(controller)) >= 0 &&
              str_find(mounts, str_of(controller)) >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct str cgroups = str_cut(&text, '\f'), mounts = str_cut(&text, '\f');

    /* The kernel writes no NUL into these. */
    if (str_has(cgroups, '\0') || str_has(mounts, '\0'))
        return 0;
    place_is_sound(cgroups, mounts, NULL);
    place_is_sound(cgroups, mounts, "memory");
    if (cgroup_is_alone(text, 17))
        holds(str_find(text, S("17")) >= 0);
    if (cgroup_offers(text, "memory"))
        holds(str_find(text, S("memory")) >= 0);
    return 0;
}
