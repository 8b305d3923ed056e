/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.c - GET ledger: of every function and source, how many events were accepted and where each
 * of them is. The rows add up, or something is wrong that an operator must hear of. */
#include "admin/events.h"
#include "admin/handlers.h"
#include "admin/query.h"
#include "api/api.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "store/queue.h"

enum { LEDGER_MAX = 256 << 20 };

static void put_row(struct jw *w, struct call *c, const struct q_ledger *row)
{
    jw_obj(w);
    jw_kstr(w, "function", row->queue);
    admin_put_source(w, c, row->source);
    jw_kint(w, "accepted", (int64_t)row->accepted);
    for (int i = 0; i < Q_STATES; i++)
        jw_kint(w, q_state_names[i], (int64_t)row->counts[i]);
    jw_kint(w, "passed", (int64_t)row->passed);
    jw_obj_end(w);
}

static void on_counts(void *user, int r, const struct q_ledger *rows, uint32_t n)
{
    struct call *c = user; /* checked by call_...() */
    bool balanced = true;
    struct buf body;
    struct jw w;

    if (r < 0) {
        admin_fail_queue(c, r);
        return;
    }
    buf_init(&body, LEDGER_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "rows");
    jw_arr(&w);
    for (uint32_t i = 0; i < n; i++) {
        if (!admin_sees_path(c->by.account, c->by.dialect, rows[i].queue))
            continue;
        put_row(&w, c, &rows[i]);
        balanced = balanced && q_ledger_adds_up(&rows[i]);
    }
    jw_arr_end(&w);
    jw_kbool(&w, "balanced", balanced);
    jw_obj_end(&w);
    if (buf_ok(&body)) {
        call_reply_buf(c, 200, S("application/json"), &body);
        return;
    }
    buf_done(&body);
    call_fail(c, 413, NULL, "the ledger is longer than %d MiB, name a function", LEDGER_MAX >> 20);
}

void admin_ledger(struct call *c)
{
    cleanup_with(buf_done) struct buf path;
    struct q_filter filter = {0};
    struct queue *q;

    buf_init(&path, ADMIN_PATH_TEXT);
    if (!admin_query_function(c, &path) || !admin_permit_path(c, buf_str(&path)))
        return;
    filter.queue = buf_str(&path);
    q = admin_queue(c);
    if (q)
        q_counts(q, &filter, on_counts, c); /* -> on_counts */
}
