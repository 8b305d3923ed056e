/* SPDX-License-Identifier: Apache-2.0 */
/*
 * permit.c - who may do what, once the signature has told who it is.
 *
 * Two kinds of signers. A key of the installation has a scope (read, invoke, deploy, ...), of which
 * each operation asks for one, and perhaps an account, outside which there is nothing for it. A
 * function with the keys of its role may do what the operation's row says (enum api_role): most say
 * nothing, and what is not named is refused.
 *
 * What a request is about is asked twice, as soon as it is known: before the handler, of the
 * account that path or header name; and in the handler, of the very function. The rule is one: it
 * must lie within the signer's realm, which is a key's account, or the account and region of the
 * function whose role signs. A list names nobody: whoever makes it asks of each thing in it.
 *
 * The keys of roles cannot be taken back, their function can: without it, or without its role, they
 * open nothing.
 */
#include <assert.h>

#include "api/internal.h"
#include "base/cleanup.h"
#include "catalog/catalog.h"
#include "fn/fn.h"

void call_signed_by(struct call *c, const struct auth_caller *caller)
{
    assert(!c->by.role);
    memcpy(c->by.access_key, caller->access_key, sizeof(c->by.access_key));
    if (caller->function[0]) {
        c->by.role = str_dup(str_of(caller->function));
        return;
    }
    c->by.scope = caller->scope;
    memcpy(c->by.name, caller->name, sizeof(c->by.name));
    memcpy(c->by.account, caller->account, sizeof(c->by.account));
    memcpy(c->by.dialect, caller->dialect, sizeof(c->by.dialect));
}

static bool refuse_role(struct call *c)
{
    call_fail(c, 403, NULL, "the role of function '%s' has no permission for %s", c->by.role,
              c->op->name);
    return false;
}

static bool refuse_account(struct call *c)
{
    call_fail(c, 403, NULL, "key '%s' acts for account '%s'%s%s only", c->by.name, c->by.account,
              c->by.dialect[0] ? " of " : "", c->by.dialect);
    return false;
}

bool call_sees(const struct call *c, int dialect, struct str account)
{
    if (!c->by.account[0])
        return true;
    return str_eq(account, str_of(c->by.account)) &&
           (!c->by.dialect[0] ||
            (dialect >= 0 && str_eq(str_of(dialect_names[dialect]), str_of(c->by.dialect))));
}

static bool permit_account(struct call *c)
{
    struct api_realm realm = {.dialect = -1};

    if (!c->by.account[0])
        return true;
    if (c->set->realm)
        c->set->realm(c, &realm);
    if (realm.account.n ? call_sees(c, realm.dialect, realm.account) : c->op->each)
        return true;
    return refuse_account(c);
}

static const char *name_of_scope(enum key_scope scope)
{
    for (int i = 0; i < KEY_SCOPES; i++)
        if (scope == (enum key_scope)(1 << i))
            return key_scope_names[i];
    return "admin";
}

bool permit_operation(struct call *c)
{
    if (!c->set->verify)
        return true; /* nobody signs here */
    if (c->by.role)
        return c->op->role != API_ROLE_NOTHING || refuse_role(c);
    if (!(c->by.scope & (c->op->scope | KEY_ADMIN))) {
        call_fail(c, 403, NULL, "key '%s' has no permission for %s, which needs the scope '%s'",
                  c->by.name, c->op->name, name_of_scope(c->op->scope));
        return false;
    }
    return permit_account(c);
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
    call_about(c, key);
    if (!c->by.role)
        return call_sees(c, (int)key->dialect, key->account) || refuse_account(c);
    own = catalog_find_path(c->api->catalog, str_of(c->by.role));
    if (!own || !own->role) {
        call_fail(c, 403, NULL, "function '%s' is gone, or has no role any more", c->by.role);
        return false;
    }
    fn_key_path(key, &path);
    if (c->op->role == API_ROLE_ITSELF)
        same = str_eq(buf_str(&path), str_of(c->by.role));
    else
        same = c->op->role == API_ROLE_ACCOUNT &&
               str_eq(realm_of(buf_str(&path)), realm_of(str_of(c->by.role)));
    return (same && buf_ok(&path)) || refuse_role(c);
}
