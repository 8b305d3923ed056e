/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_event_query.c - what callers name events and their queues by: a function's key in a query, an
 * event's id, a destination's URL.
 *
 * Properties: a key that is taken is a path of five parts, and taken again it is the same path; whoever
 * acts for an account sees its path, and another account does not; an id and a URL that are taken can
 * stand in a header line and fit into the store.
 */
#include <string.h>

#include "admin/events.h"
#include "admin/query.h"
#include "base/buf.h"
#include "base/err.h"
#include "fn/async.h"
#include "fn/key.h"
#include "fuzz.h"
#include "store/queue.h"

static bool plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] == '\x7f')
            return false;
    return true;
}

static void check_path(struct str text)
{
    struct buf path, again;
    struct err e = {0};

    buf_init(&path, ADMIN_PATH_TEXT);
    buf_init(&again, ADMIN_PATH_TEXT);
    if (admin_query_path(text, &path, &e) < 0) {
        holds(e.kind == ERR_CALLER && e.msg[0]);
    } else {
        struct str rest = buf_str(&path), dialect = str_cut(&rest, '/'),
                   account = str_cut(&rest, '/');
        char name[ADMIN_PATH_TEXT + 1];

        memcpy(name, account.p, account.n);
        name[account.n] = '\0';
        holds(plain(buf_str(&path)) && rest.p);
        (void)dialect;
        holds(admin_sees_path("", "", buf_str(&path)));
        holds(admin_sees_path(name, "", buf_str(&path)));
        name[0] = name[0] == 'x' ? 'y' : 'x';
        holds(!admin_sees_path(name, "", buf_str(&path)));
        if (path.n <= ADMIN_FUNCTION_TEXT) {
            holds(admin_query_path(buf_str(&path), &again, &e) == 0);
            holds(str_eq(buf_str(&path), buf_str(&again)));
        }
    }
    buf_done(&path);
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};

    check_path(text);
    if (admin_event_id(text))
        holds(n > 0 && n <= Q_ID && plain(text));
    if (fn_target_is_url(text))
        holds(plain(text) && n > strlen("http://") && n + strlen("http/") <= Q_NAME);
    return 0;
}
