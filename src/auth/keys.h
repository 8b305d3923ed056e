/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - access keys of this installation. keys.json in the data directory, mode 0600, made at
 * first start:
 *   {"version":1,"keys":[{"access_key":"...","secret_key":"...","root":true}]}
 * The pair in EVOKE_ACCESS_KEY / EVOKE_SECRET_KEY replaces the root key for this run and is not
 * written.
 */
#ifndef EVOKE_AUTH_KEYS_H
#define EVOKE_AUTH_KEYS_H

#include <stdbool.h>

#include "base/str.h"
#include "sign/role.h"

struct err;
struct keys; /* opaque */

struct key {
    const char *access_key, *secret_key; /* borrowed from keys */
    bool root;                           /* may act for every account */
};

/*
 * Load, or make a root pair. dirfd: the data directory. *ret_created tells that the pair is new
 * (the caller prints it, once). access/secret: override, NULL for none. Refuses a keys.json others
 * can read, or that does not parse.
 */
int keys_open(int dirfd, const char *access, const char *secret, struct keys **ret,
              bool *ret_created, struct err *e);
struct keys *keys_free(struct keys *k); /* wipes */
/* 0, or -ENOENT. Takes the same time for a near miss as for nothing alike. */
int keys_find(const struct keys *k, struct str access_key, struct key *ret);
struct key keys_root(const struct keys *k);
/* What the keys of roles are derived from: another root key, and all of them are void. */
struct role_root keys_role_root(const struct keys *k);

#endif
