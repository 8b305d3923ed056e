/* SPDX-License-Identifier: Apache-2.0 */
/* keys_internal.h - the keys themselves, shared by keys.c (asking), keys_file.c (disk) and
 * keys_change.c. */
#ifndef EVOKE_AUTH_KEYS_INTERNAL_H
#define EVOKE_AUTH_KEYS_INTERNAL_H

#include <pthread.h>
#include <stddef.h>

#include "auth/keys.h"

enum { ACCESS_CHARS = 20, SECRET_CHARS = 40 }; /* of a pair we make; the clouds' own lengths */

/* A plain value; secrets are wiped by key_list_done(). */
struct key_list {
    struct key *keys; /* owned */
    uint64_t *tags;   /* owned: of each access key, close together for the look-up */
    size_t n;
};

struct keys {
    int dir;                /* owned: the data directory */
    pthread_mutex_t change; /* held from reading what is there to publishing what will be */
    pthread_rwlock_t lock;  /* over everything below */
    struct key_list list;   /* names and access keys differ; exactly one is root */
    bool outside;           /* root is the environment's and is not written ... */
    struct key_list kept;   /* ... and this one, the file's own root, is: 0 or 1 of them */
    struct role_root roles, old_roles;
    int64_t old_roles_end_ms;
    struct nonces *nonces; /* owned; has a lock of its own */
};

/* ---- keys.c ---- */
struct key *key_list_add(struct key_list *l, const struct key *key); /* copied */
struct key *key_list_find(const struct key_list *l, struct str access_key);
struct key *key_list_root(const struct key_list *l); /* or NULL */
void key_list_done(struct key_list *l);              /* wipes */
/* What a key must look like to be among the others. */
int key_list_check(const struct key_list *l, const struct key *key, struct err *e);
void key_make_pair(struct key *key);
void key_make_secret(struct key *key);

/* ---- keys_file.c ---- */
/* 1 when read, 0 when there is no file. At most one key is root. */
int key_file_load(int dirfd, struct key_list *ret, struct err *e);
int key_file_save(int dirfd, const struct key_list *list, const struct key_list *kept, bool outside,
                  struct err *e);

#endif
