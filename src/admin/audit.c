/* SPDX-License-Identifier: Apache-2.0 */
/* audit.c - GET audit: who did what, from a cursor on, now or as soon as there is something. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/handlers.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/obj.h"
#include "observe/audit/audit.h"

enum { WAIT_MAX_MS = 30000, LIMIT_DEFAULT = 1000 };

/* Absent: *ret stays. False: it has replied. */
static bool number(struct call *c, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    struct str s = call_query(c, str_of(name));

    if (!s.p || str_i64(s, min, max, ret) == 0)
        return true;
    call_fail(c, 400, NULL, "%s: '%.*s' is not a whole number from %lld to %lld", name,
              s.n > 40 ? 40 : (int)s.n, s.p, (long long)min, (long long)max);
    return false;
}

static bool text(struct call *c, const char *name, char ret[AUDIT_FILTER])
{
    struct str s = call_query(c, str_of(name));

    if (s.n < AUDIT_FILTER) {
        (void)snprintf(ret, AUDIT_FILTER, "%.*s", STR_ARG(s));
        return true;
    }
    call_fail(c, 400, NULL, "%s: more than %d bytes", name, AUDIT_FILTER - 1);
    return false;
}

static bool result(struct call *c, enum audit_result *ret)
{
    struct str s = call_query(c, S("result"));

    if (!s.p || audit_result_of(s, ret) == 0)
        return true;
    call_fail(c, 400, NULL, "result: '%.*s' is not ok, denied or failed", s.n > 40 ? 40 : (int)s.n,
              s.p);
    return false;
}

static void on_answer(void *user, struct audit_answer *answer)
{
    struct call *c = user;
    struct buf body;

    buf_init(&body, answer->records.n + 256);
    buf_addz(&body, "{\"records\":[");
    buf_adds(&body, buf_str(&answer->records));
    buf_addf(&body, "],\"cursor\":\"%llu\",\"more\":%s,\"damaged\":%u}",
             (unsigned long long)answer->cursor, answer->more ? "true" : "false", answer->damaged);
    call_reply_buf(c, 200, S("application/json"), &body);
}

void admin_audit(struct call *c)
{
    int64_t after = 0, since = 0, until = 0, limit = LIMIT_DEFAULT, wait_ms = 0;
    struct audit_query q = {.result = AUDIT_ANY};

    if (!number(c, "after", 0, INT64_MAX, &after) || !number(c, "since_ms", 0, INT64_MAX, &since) ||
        !number(c, "until_ms", 0, INT64_MAX, &until) ||
        !number(c, "limit", 1, AUDIT_LIMIT, &limit) ||
        !number(c, "wait_ms", 0, WAIT_MAX_MS, &wait_ms) || !text(c, "who", q.who) ||
        !text(c, "op", q.op) || !result(c, &q.result))
        return;
    q.after = (uint64_t)after;
    q.since_ms = since;
    q.until_ms = until;
    q.limit = (uint32_t)limit;
    q.wait_ms = (uint32_t)wait_ms;
    if (audit_ask(c->api->audit, &q, on_answer, c) < 0)
        call_fail(c, 429, NULL, "%d questions to the audit trail wait already", AUDIT_WAITING);
}
