/* SPDX-License-Identifier: Apache-2.0 */
/* page.c - the part of a list that is asked for, and its order. */
#include "dialect/scf/api/page.h"

#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "dialect/scf/api/scf_api.h"

bool scf_one_of(struct call *c, const struct cJSON *p, const char *name, const char *code,
                const char *const *values)
{
    struct str v = scf_text(p, name);

    if (!v.n)
        return true;
    for (; *values; values++)
        if (str_eq(v, str_of(*values)))
            return true;
    scf_fail(c, code, "%s has no value '%.*s'.", name, (int)(v.n < 64 ? v.n : 64), v.p);
    return false;
}

bool scf_page_read(struct call *c, const struct cJSON *p, int64_t most, struct scf_page *ret)
{
    static const char *const orders[] = {"ASC", "DESC", "asc", "desc", NULL};

    *ret = (struct scf_page){.offset = scf_number(p, "Offset", 0),
                             .limit = scf_number(p, "Limit", SCF_PAGE_DEFAULT),
                             .descending = str_ieq(scf_text(p, "Order"), S("DESC"))};
    if (ret->offset < 0) {
        scf_fail(c, "InvalidParameterValue.Offset", "Offset is not negative.");
        return false;
    }
    if (ret->limit < 0 || ret->limit > most) {
        scf_fail(c, "InvalidParameterValue.Limit", "Limit is 0 to %lld.", (long long)most);
        return false;
    }
    return scf_one_of(c, p, "Order", "InvalidParameterValue.Order", orders);
}

bool scf_page_has(struct scf_page *page)
{
    int64_t at = page->seen++;

    return at >= page->offset && at - page->offset < page->limit;
}

void scf_rows_add(struct scf_rows *rows, const char *key, const void *what)
{
    if (rows->n == rows->room) {
        rows->room = rows->room ? 2 * rows->room : 64;
        rows->list = xrealloc(rows->list, rows->room, sizeof(*rows->list));
    }
    rows->list[rows->n++] = (struct scf_row){.key = str_dup(str_of(key)), .what = what};
}

static int ascending(const void *a, const void *b)
{
    const struct scf_row *x = a, *y = b;

    return str_cmp(str_of(x->key), str_of(y->key));
}

static int descending(const void *a, const void *b)
{
    return ascending(b, a);
}

void scf_rows_sort(struct scf_rows *rows, bool down)
{
    if (rows->n)
        qsort(rows->list, rows->n, sizeof(*rows->list), down ? descending : ascending);
}

void scf_rows_done(struct scf_rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        free(rows->list[i].key);
    free(rows->list);
}
