/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notice.h"

#include <stdio.h>

#include "auth/keys.h"
#include "base/log.h"
#include "base/obj.h"
#include "launcher/proto.h"

static const struct log_cx cx = {.component = "sandbox"};

/* Not through the log: the secret must never be in one. */
void notice_keys(struct key root, const char *data_dir)
{
    fprintf(stderr,
            "\n  A root key pair was made. It is shown once; it is kept in %s/keys.json (0600).\n\n"
            "    EVOKE_ACCESS_KEY=%s\n    EVOKE_SECRET_KEY=%s\n\n",
            data_dir, root.access_key, root.secret_key);
}

static const char *how(uint8_t enforced)
{
    static const char *const words[] = {
            [ENFORCED_NONE] = "not enforced",
            [ENFORCED_PROCESS] = "per process only (rlimit)",
            [ENFORCED_CGROUP_V1] = "hard (cgroup v1)",
            [ENFORCED_CGROUP_V2] = "hard (cgroup v2)",
            [ENFORCED_MOUNT] = "hard (own file system)",
            [ENFORCED_TMPFS] = "hard (tmpfs, counts as memory)",
    };

    return enforced < ARRAY_LEN(words) ? words[enforced] : "unknown";
}

void notice_enforced(void *user, const struct launch_hello *h)
{
    (void)user;
    log_info(&cx, "%s mode: memory %s; processes %s; cpu %s; /tmp %s",
             h->root ? "root" : "ordinary-user", how(h->memory), how(h->pids), how(h->cpu),
             how(h->tmp));
    log_info(&cx, "network %s; seccomp %s; landlock %s",
             !h->netns   ? "NOT separated"
             : h->egress ? "of its own, with egress unless a function asks for less"
                         : "of its own, endpoint only: no egress",
             h->seccomp ? "on" : "OFF", h->landlock ? "on" : "off (kernel lacks it)");
    if (h->note[0])
        log_info(&cx, "%s", h->note);
}
