/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/user.h"

#include <errno.h>
#include <pwd.h>
#include <stdint.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "sandbox/userns.h"

enum { DEFAULT_UID = 699999 };

/* The launcher's uids own cgroups and run functions: a daemon with one of them would be no longer
 * apart from either. */
static int take(uid_t uid, uid_t *ret_uid, struct err *e)
{
    if (uid >= USERNS_HOST_FIRST && uid < USERNS_HOST_FIRST + USERNS_IDS)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "--user: uid %u is one of those functions run as (%d to %d)", (unsigned)uid,
                       USERNS_HOST_FIRST, USERNS_HOST_FIRST + USERNS_IDS - 1);
    *ret_uid = uid;
    return 0;
}

int user_find(const char *wanted, uid_t *ret_uid, struct err *e)
{
    const char *name = wanted ? wanted : "evoke";
    struct passwd *pw;
    uint64_t uid;

    if (geteuid() != 0) {
        if (wanted)
            return err_set(e, ERR_CALLER, -EPERM, "--user %s: only root can choose", wanted);
        *ret_uid = geteuid();
        return 0;
    }
    if (str_u64(str_of(name), 1, 4294967293, &uid) == 0)
        return take((uid_t)uid, ret_uid, e);
    pw = getpwnam(name);
    if (pw && pw->pw_uid != 0)
        return take(pw->pw_uid, ret_uid, e);
    if (!wanted)
        return take(DEFAULT_UID, ret_uid, e);
    /* Never another one in its place: the daemon would run as the wrong user. */
    return err_set(e, ERR_CALLER, -EINVAL, "--user %s: %s", name,
                   pw ? "the daemon does not run as root" : "there is no such user");
}
