/* SPDX-License-Identifier: Apache-2.0 */
/* page.c - see page.h. */
#include "dialect/fc/api/page.h"

#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "catalog/resources.h"
#include "dialect/fc/api/handlers.h"

enum { PAGE_BYTES = 32 << 20, TOKEN_MAX = 1024 };

bool fc_page_limit(struct call *c, uint64_t most, uint64_t *limit)
{
    struct str text = call_query(c, S("limit"));

    if (text.n == 0 || str_u64(text, 1, most, limit) == 0)
        return true;
    call_fail(c, 400, "InvalidArgument",
              "limit is set to an invalid value (allowed: 1 to %llu, actual: '%.*s')",
              (unsigned long long)most, (int)(text.n < 32 ? text.n : 32), text.p);
    return false;
}

static bool is_token(struct str token)
{
    for (size_t i = 0; i < token.n; i++)
        if (token.p[i] <= ' ' || token.p[i] > '~' || token.p[i] == '"')
            return false;
    return token.n <= TOKEN_MAX;
}

bool fc_page_open(struct call *c, struct fc_page *p, const char *plural)
{
    struct str token = call_query(c, S("nextToken"));

    *p = (struct fc_page){.limit = FC_PAGE_DEFAULT,
                          .prefix = call_query(c, S("prefix")),
                          .from = call_query(c, S("startKey"))};
    if (!fc_page_limit(c, FC_PAGE_MAX, &p->limit))
        return false;
    if (!is_token(token)) {
        call_fail(c, 400, "InvalidArgument", "nextToken is none of a page before");
        return false;
    }
    if (token.n)
        p->from = token;
    buf_init(&p->body, PAGE_BYTES);
    buf_init(&p->next, TOKEN_MAX);
    jw_init(&p->w, &p->body);
    jw_obj(&p->w);
    jw_key(&p->w, plural);
    jw_arr(&p->w);
    return true;
}

bool fc_page_full(const struct fc_page *p)
{
    return p->next.n > 0;
}

bool fc_page_has(struct fc_page *p, struct str name)
{
    if (!str_starts(name, p->prefix) || (p->from.n && str_cmp(name, p->from) < 0))
        return false;
    if (p->shown == p->limit) {
        if (!fc_page_full(p))
            buf_adds(&p->next, name);
        return false;
    }
    p->shown++;
    return true;
}

void fc_page_reply(struct call *c, struct fc_page *p)
{
    struct buf body;

    jw_arr_end(&p->w);
    jw_kstr(&p->w, "nextToken", buf_str(&p->next));
    jw_obj_end(&p->w);
    buf_init(&body, PAGE_BYTES);
    buf_move(&body, &p->body);
    buf_done(&p->next);
    call_reply_buf(c, 200, S("application/json"), &body);
}

void fc_page_drop(struct fc_page *p)
{
    buf_done(&p->body);
    buf_done(&p->next);
}

struct sorted {
    const struct resource **at; /* owned array */
    size_t n, room;
};

static bool collect(void *user, const struct resource *r)
{
    struct sorted *all = user;

    if (all->n == all->room) {
        all->room = all->room ? 2 * all->room : 64;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        all->at = xrealloc(all->at, all->room, sizeof(*all->at));
    }
    all->at[all->n++] = r;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct resource *const *x = a, *const *y = b;

    return str_cmp(str_of((*x)->name), str_of((*y)->name));
}

void fc_resources_by_name(struct call *c, const struct resource_filter *filter,
                          bool (*fn)(void *user, const struct resource *r), void *user)
{
    struct sorted all = {0};

    catalog_each_resource(c->api->catalog, filter, collect, &all);
    if (all.n > 0) /* NOLINTNEXTLINE(bugprone-sizeof-expression): likewise */
        qsort(all.at, all.n, sizeof(*all.at), by_name);
    for (size_t i = 0; i < all.n && fn(user, all.at[i]); i++)
        ;
    free(all.at);
}
