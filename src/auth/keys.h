/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.h - access keys of this installation. keys.json in the data directory, mode 0600, made at
 * first start:
 *   {"version":2,"keys":[{"access_key":"...","secret_key":"...","name":"root","root":true,
 *                         "scope":["admin"],"created_ms":0}, ...]}
 * Format 1, which had neither names nor scopes, is read: its keys may do everything. The pair in
 * EVOKE_ACCESS_KEY / EVOKE_SECRET_KEY replaces the root key for this run and is not written.
 *
 * Thread-safe: requests are checked on the loop and on worker threads while keys change.
 */
#ifndef EVOKE_AUTH_KEYS_H
#define EVOKE_AUTH_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "sign/role.h"

struct err;
struct jw;
struct keys; /* opaque */

/* What a key may do. Each operation asks for exactly one. */
enum key_scope {
    KEY_READ = 1 << 0,    /* look: functions, logs, state; code and environment included */
    KEY_INVOKE = 1 << 1,  /* run functions */
    KEY_DEPLOY = 1 << 2,  /* create, change and delete functions */
    KEY_METRICS = 1 << 3, /* /metrics */
    KEY_ADMIN = 1 << 4,   /* all of it, and keys, audit and backups */
};
enum { KEY_SCOPES = 5, KEY_SCOPE_ALL = (1 << KEY_SCOPES) - 1 };
extern const char *const key_scope_names[KEY_SCOPES]; /* by bit: "read", "invoke", ... */
int key_scope_of(struct str name);                    /* its bit, or -EINVAL */

enum {
    KEYS_LIMIT = 256,
    KEY_ACCESS = 129, /* terminated, as all below */
    KEY_SECRET = 257,
    KEY_NAME = 65,
    KEY_ACCOUNT = 65,
    KEY_DIALECT = 17,
    KEY_GRACE_S = 86400, /* an old secret lasts at most so long */
};

struct key {
    char access_key[KEY_ACCESS], secret_key[KEY_SECRET];
    char old_secret[KEY_SECRET]; /* "": none; good until ends_ms */
    char name[KEY_NAME];
    char account[KEY_ACCOUNT]; /* "": every account */
    char dialect[KEY_DIALECT]; /* "": every dialect */
    uint8_t scope;             /* enum key_scope */
    bool root;                 /* one of them; it may do everything */
    int64_t created_ms, ends_ms;
    int64_t used_ms; /* last request that was signed with it since the daemon started; not kept */
    uint32_t slot;   /* for keys_used() */
};

/*
 * Load, or make a root pair. dirfd: the data directory, kept open by a copy. *ret_created tells
 * that the pair is new (the caller prints it, once). access/secret: override, NULL for none.
 * Refuses a keys.json others can read, or that does not parse.
 */
int keys_open(int dirfd, const char *access, const char *secret, struct keys **ret,
              bool *ret_created, struct err *e);
struct keys *keys_free(struct keys *k); /* wipes */

/* 0, or -ENOENT. Takes the same time for a near miss as for nothing alike. The copy holds secrets:
 * key_wipe(). */
int keys_find(const struct keys *k, struct str access_key, struct key *ret);
void key_wipe(struct key *key);
/* A request was proved to be signed with it. Kept in memory, never written. */
void keys_used(const struct keys *k, const struct key *key, int64_t now_ms);
/* "scope": [names], into an object that is open. */
void key_put_scope(struct jw *w, const struct key *key);
struct key keys_root(const struct keys *k);

/* What the keys of roles are derived from: another root secret, and all of them are void.
 * keys_old_role_root(): false, or the one before, until its grace is over. */
struct role_root keys_role_root(const struct keys *k);
/* The nonces that proved requests came with. */
struct nonces;
struct nonces *keys_nonces(const struct keys *k);
bool keys_old_role_root(const struct keys *k, int64_t now_ms, struct role_root *ret);

/* All of them, without secrets, in the order they were made. false ends the walk. Not to be called
 * from inside it. */
void keys_each(const struct keys *k, bool (*fn)(void *user, const struct key *key), void *user);

/*
 * Changes: written to disk (atomically, fsync) before anybody can use them, one at a time. They
 * block: call them from loop_work(). On failure nothing has changed.
 *
 * keys_add     name, scope, account, dialect of *wanted count. -EEXIST: the name is taken;
 *              -EDQUOT: there are KEYS_LIMIT; -EINVAL with the limit that was broken
 * keys_rotate  a new secret; the old one is good for grace_s more. -ENOENT; -EPERM: the root pair
 *              of this run comes from the environment
 * keys_remove  -ENOENT; -EPERM: the root pair
 */
int keys_add(struct keys *k, const struct key *wanted, int64_t now_ms, struct key *ret,
             struct err *e);
int keys_rotate(struct keys *k, struct str access_key, uint32_t grace_s, int64_t now_ms,
                struct key *ret, struct err *e);
int keys_remove(struct keys *k, struct str access_key, struct err *e);

#endif
