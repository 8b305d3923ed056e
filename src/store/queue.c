/* SPDX-License-Identifier: Apache-2.0 */
/* queue.c - the names of an event's states, as people and the admin API know them. */
#include "store/queue.h"

#include <errno.h>

const char *const q_state_names[Q_STATES] = {
        [Q_WAITING] = "waiting", [Q_RUNNING] = "running", [Q_DONE] = "done",
        [Q_DEAD] = "dead",       [Q_EXPIRED] = "expired", [Q_CANCELLED] = "cancelled",
        [Q_PURGED] = "purged",
};

int q_state_of(struct str name, enum q_state *ret)
{
    for (int i = 0; i < Q_STATES; i++)
        if (str_eq(name, str_of(q_state_names[i]))) {
            *ret = (enum q_state)i;
            return 0;
        }
    return -EINVAL;
}
