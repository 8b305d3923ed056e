/* SPDX-License-Identifier: Apache-2.0 */
/*
 * role.c - what a function may do through the API with the temporary keys of its role.
 *
 * Each operation says how far a role reaches (enum api_role), and most say nothing: what is not
 * named is refused. The signature proves which function signs; here its path is compared with the
 * function the request names. Both are spelled by fn_key_path(), so equal text is equal key.
 *
 * The keys themselves cannot be taken back, their function can: without it, or without its role,
 * they open nothing.
 */
#include <assert.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "fn/fn.h"

void call_signed_by(struct call *c, const struct auth_caller *caller)
{
    assert(!c->role);
    if (caller->function[0])
        c->role = str_dup(str_of(caller->function));
}

void role_refuse(struct call *c)
{
    call_fail(c, 403, NULL, "the role of function '%s' has no permission for %s", c->role,
              c->op->name);
}

/* Of a path "dialect/account/region/space/name": up to the space. */
static struct str realm_of(struct str path)
{
    struct str rest = path;

    for (int i = 0; i < 3; i++)
        (void)str_cut(&rest, '/');
    return (struct str){path.p, path.n - rest.n};
}

bool call_permit(struct call *c, const struct fn_key *key)
{
    cleanup_with(buf_done) struct buf path;
    const struct fn *own;
    bool same;

    buf_init(&path, ROLE_FUNCTION);
    if (!c->role)
        return true;
    own = catalog_find_path(c->api->catalog, str_of(c->role));
    if (!own || !own->role) {
        call_fail(c, 403, NULL, "function '%s' is gone, or has no role any more", c->role);
        return false;
    }
    fn_key_path(key, &path);
    if (c->op->role == API_ROLE_ITSELF)
        same = str_eq(buf_str(&path), str_of(c->role));
    else
        same = c->op->role == API_ROLE_ACCOUNT &&
               str_eq(realm_of(buf_str(&path)), realm_of(str_of(c->role)));
    if (!same || !buf_ok(&path))
        role_refuse(c);
    return same && buf_ok(&path);
}
