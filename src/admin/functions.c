/* SPDX-License-Identifier: Apache-2.0 */
/* functions.c - list, get and delete functions. */
#include <errno.h>
#include <stdlib.h>

#include "admin/handlers.h"
#include "admin/object.h"
#include "api/api.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"

enum { LIST_MAX = 256 << 20 };

struct listing {
    struct jw w;
    const struct call *c;
};

static bool add_function(void *user, const struct fn *f)
{
    struct listing *l = user;

    if (call_sees(l->c, (int)f->dialect, str_of(f->account)))
        admin_object_function(&l->w, l->c->api, f);
    return true;
}

void admin_list(struct call *c)
{
    struct catalog_filter filter = {.dialect = -1};
    struct str dialect = call_query(c, S("dialect"));
    enum dialect d;
    struct buf body;
    struct listing l = {.c = c};

    if (dialect.n && dialect_of(dialect, &d) < 0) {
        call_fail(c, 400, NULL, "dialect '%.*s' is not one of functiongraph, fc, scf",
                  (int)(dialect.n < 32 ? dialect.n : 32), dialect.p);
        return;
    }
    if (dialect.n)
        filter.dialect = (int)d;
    filter.account = call_query(c, S("account"));
    filter.region = call_query(c, S("region"));
    filter.space = call_query(c, S("space"));

    buf_init(&body, LIST_MAX);
    jw_init(&l.w, &body);
    jw_obj(&l.w);
    jw_key(&l.w, "functions");
    jw_arr(&l.w);
    catalog_each(c->api->catalog, &filter, add_function, &l);
    jw_arr_end(&l.w);
    jw_obj_end(&l.w);
    if (!buf_ok(&body)) {
        buf_done(&body);
        call_fail(c, 413, NULL, "the list is longer than %d MiB, name a space", LIST_MAX >> 20);
        return;
    }
    call_reply_buf(c, 200, S("application/json"), &body);
}

void admin_get(struct call *c)
{
    struct fn_key key;
    const struct fn *f = admin_function(c, &key);
    struct buf body;
    struct jw w;

    if (!f)
        return;
    buf_init(&body, ADMIN_OBJECT_MAX);
    jw_init(&w, &body);
    admin_object_function(&w, c->api, f);
    call_reply_buf(c, 200, S("application/json"), &body);
}

static void on_deleted(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */

    (void)f;
    if (r < 0)
        admin_fail_write(c, r);
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

void admin_delete(struct call *c)
{
    struct fn_key key;

    if (admin_function(c, &key))
        catalog_delete(c->api->catalog, &key, on_deleted, c); /* -> on_deleted */
}
