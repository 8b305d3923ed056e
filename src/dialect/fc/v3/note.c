/* SPDX-License-Identifier: Apache-2.0 */
/*
 * note.c - small objects that 3.0 keeps beside a function: its tags, a scaling configuration, whether it
 * may be invoked. Each is a resource of a kind of its own, whose id is a digest of the function's path
 * and the name of the note; its parent is the function, with which it goes.
 */
#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "catalog/resources.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

enum { PATH_BYTES = 2048 };

static void id_of(const struct fn_key *key, struct str name, char out[SHA256_HEX])
{
    cleanup_with(buf_done) struct buf text;

    buf_init(&text, PATH_BYTES);
    fn_key_path(key, &text);
    buf_addc(&text, '/');
    buf_adds(&text, name);
    sha256_hex(buf_str(&text), out);
}

const struct resource *fc3_note(const struct call *c, const char *kind, const struct fn_key *key,
                                struct str name)
{
    char id[SHA256_HEX];

    id_of(key, name, id);
    return catalog_resource(c->api->catalog, str_of(kind), str_of(id));
}

static struct resource *draft_of(const char *kind, const struct fn_key *key, struct str name)
{
    cleanup_with(buf_done) struct buf parent;
    char id[SHA256_HEX];
    struct resource *draft;

    id_of(key, name, id);
    buf_init(&parent, PATH_BYTES);
    fn_key_path(key, &parent);
    draft = resource_new(str_of(kind), str_of(id));
    draft->dialect = key->dialect;
    fn_set(&draft->account, key->account);
    fn_set(&draft->region, key->region);
    fn_set(&draft->parent, buf_str(&parent));
    fn_set(&draft->name, name.p ? name : S(""));
    draft->created_ms = clock_wall_ms();
    return draft;
}

void fc3_note_put(struct call *c, const char *kind, const struct fn_key *key, struct str name,
                  struct str body, catalog_resource_fn *done, void *user)
{
    const struct resource *have = fc3_note(c, kind, key, name);
    struct resource *draft = have ? resource_copy(have) : draft_of(kind, key, name);

    fn_set(&draft->body, body);
    draft->modified_ms = clock_wall_ms();
    if (have)
        catalog_update_resource(c->api->catalog, draft, done, user);
    else
        catalog_create_resource(c->api->catalog, draft, done, user);
}

void fc3_note_delete(struct call *c, const char *kind, const struct fn_key *key, struct str name,
                     catalog_resource_fn *done, void *user)
{
    char id[SHA256_HEX];

    id_of(key, name, id);
    catalog_delete_resource(c->api->catalog, str_of(kind), str_of(id), done, user);
}
