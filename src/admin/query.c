/* SPDX-License-Identifier: Apache-2.0 */
/* query.c - parameters that several operations have, read and refused in the same words. */
#include "admin/query.h"

#include <errno.h>

#include "api/api.h"
#include "base/err.h"
#include "base/uri.h"
#include "fn/key.h"

enum { PARTS = 5 };

int admin_query_path(struct str text, struct buf *path, struct err *e)
{
    struct str rest = text;
    struct buf parts[PARTS];
    struct fn_key key;
    uint32_t n = 0;
    bool ok = text.n <= ADMIN_FUNCTION_TEXT;

    for (; n < PARTS && rest.p && ok; n++) {
        buf_init(&parts[n], ADMIN_FUNCTION_TEXT);
        ok = uri_decode(str_cut(&rest, '/'), false, &parts[n]) >= 0 && parts[n].n > 0;
    }
    ok = ok && n == PARTS && !rest.p && dialect_of(buf_str(&parts[0]), &key.dialect) >= 0;
    if (ok) {
        key.account = buf_str(&parts[1]);
        key.region = buf_str(&parts[2]);
        key.space = buf_str(&parts[3]);
        key.name = buf_str(&parts[4]);
        fn_key_path(&key, path);
        ok = buf_ok(path);
    }
    while (n > 0)
        buf_done(&parts[--n]);
    return ok ? 0
              : err_set(e, ERR_CALLER, -EINVAL,
                        "function must be a whole key, dialect/account/region/space/name (%d bytes "
                        "at most)",
                        ADMIN_FUNCTION_TEXT);
}

bool admin_query_function(struct call *c, struct buf *path)
{
    struct str text = call_query(c, S("function"));
    struct err e = {0};

    if (text.n == 0 || admin_query_path(text, path, &e) == 0)
        return true;
    call_fail(c, 400, NULL, "%s", e.msg);
    return false;
}

bool admin_query_number(struct call *c, const char *name, uint64_t min, uint64_t max, uint64_t *ret)
{
    struct str value = call_query(c, str_of(name));

    if (!value.p || str_u64(value, min, max, ret) == 0)
        return true;
    call_fail(c, 400, NULL, "%s must be a number from %llu to %llu", name, (unsigned long long)min,
              (unsigned long long)max);
    return false;
}

bool admin_query_text(struct call *c, const char *name, size_t max, struct str *ret)
{
    *ret = call_query(c, str_of(name));
    if (ret->n <= max)
        return true;
    call_fail(c, 400, NULL, "%s has %zu bytes, at most %zu are allowed", name, ret->n, max);
    return false;
}

/* The path's first two parts are dialect and account; both are plain in it. */
bool admin_sees_path(const char *account, const char *dialect, struct str path)
{
    struct str rest = path, of_dialect = str_cut(&rest, '/'), of_account = str_cut(&rest, '/');
    enum dialect known;

    if (!account[0])
        return true;
    return dialect_of(of_dialect, &known) == 0 && str_eq(of_account, str_of(account)) &&
           (!dialect[0] || str_eq(of_dialect, str_of(dialect)));
}

bool admin_permit_path(struct call *c, struct str path)
{
    if (path.n == 0 || admin_sees_path(c->by.account, c->by.dialect, path))
        return true;
    call_fail(c, 403, NULL, "key '%s' acts for account '%s' only", c->by.name, c->by.account);
    return false;
}
