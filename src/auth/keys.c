/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - the access keys of this installation: who is asked on every request.
 *
 * The list is a few hundred rows at most. A look-up compares the tags of all of them, always, and a
 * name only where its tag fits, so the time it takes tells nothing of names that are nearly right. It copies what it found: the list may
 * be exchanged the moment after (keys_change.c), while a worker thread still computes a signature.
 *
 * What always holds after keys_open(): there is exactly one root key, access keys and names differ,
 * and no pair is empty. Secrets are wiped before their memory is given back.
 *
 * Read next: keys_file.c, keys_change.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keys_internal.h"
#include "auth/nonces.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"

const char *const key_scope_names[KEY_SCOPES] = {"read", "invoke", "deploy", "metrics", "admin"};

int key_scope_of(struct str name)
{
    for (int i = 0; i < KEY_SCOPES; i++)
        if (str_eq(name, str_of(key_scope_names[i])))
            return 1 << i;
    return -EINVAL;
}

void key_wipe(struct key *key)
{
    explicit_bzero(key, sizeof(*key));
}

/* ---- a list ---- */

/* FNV-1a. No secret: whoever makes two names of one tag gains nothing. */
static uint64_t tag_of(struct str access_key)
{
    uint64_t tag = 0xcbf29ce484222325;

    for (size_t i = 0; i < access_key.n; i++)
        tag = (tag ^ (uint8_t)access_key.p[i]) * 0x100000001b3;
    return tag;
}

struct key *key_list_add(struct key_list *l, const struct key *key)
{
    struct key *longer =
            xcalloc(l->n + 1, sizeof(*longer)); /* realloc would leave secrets behind */

    if (l->n)
        memcpy(longer, l->keys, l->n * sizeof(*longer));
    longer[l->n] = *key;
    longer[l->n].slot = (uint32_t)l->n;
    if (l->n)
        explicit_bzero(l->keys, l->n * sizeof(*longer));
    free(l->keys);
    l->keys = longer;
    l->tags = xrealloc(l->tags, l->n + 1, sizeof(*l->tags));
    l->tags[l->n] = tag_of(str_of(key->access_key));
    return &longer[l->n++];
}

struct key *key_list_find(const struct key_list *l, struct str access_key)
{
    uint64_t tag = tag_of(access_key);
    struct key *found = NULL;

    for (size_t i = 0; i < l->n; i++) /* all of them, always */
        if (l->tags[i] == tag && same_secret(str_of(l->keys[i].access_key), access_key))
            found = &l->keys[i];
    return found;
}

struct key *key_list_root(const struct key_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        if (l->keys[i].root)
            return &l->keys[i];
    return NULL;
}

void key_list_done(struct key_list *l)
{
    if (l->n)
        explicit_bzero(l->keys, l->n * sizeof(*l->keys));
    free(l->keys);
    free(l->tags);
    *l = (struct key_list){0};
}

/* Printable ASCII without what separates things in an Authorization header. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == ',' || s.p[i] == ':')
            return false;
    return s.n > 0;
}

static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

static int check_looks(const struct key *key, struct err *e)
{
    if (!is_plain(str_of(key->access_key)))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "an access key has 1 to %d printable characters, none of them ',' or ':'",
                       KEY_ACCESS - 1);
    if (!key->secret_key[0])
        return err_set(e, ERR_CALLER, -EINVAL, "the secret of '%s' must have 1 to %d characters",
                       key->access_key, KEY_SECRET - 1);
    if (!key->name[0] || !is_word(str_of(key->name)))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "a key's name has 1 to %d letters, digits, '.', '-' or '_'", KEY_NAME - 1);
    if (!is_word(str_of(key->account)))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "a key's account has at most %d letters, digits, '.', '-' or '_'",
                       KEY_ACCOUNT - 1);
    if (key->dialect[0] && !key->account[0])
        return err_set(e, ERR_CALLER, -EINVAL, "a key with a dialect needs an account as well");
    if (!key->scope || key->scope > KEY_SCOPE_ALL)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "a key's scope is one or more of read, invoke, deploy, metrics, admin");
    return 0;
}

int key_list_check(const struct key_list *l, const struct key *key, struct err *e)
{
    int r = check_looks(key, e);

    if (r < 0)
        return r;
    if (l->n >= KEYS_LIMIT)
        return err_set(e, ERR_LIMIT, -EDQUOT, "there are %d keys already, which is the limit",
                       KEYS_LIMIT);
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->keys[i].access_key, key->access_key) == 0)
            return err_set(e, ERR_CALLER, -EEXIST, "the access key '%s' is there twice",
                           key->access_key);
        if (strcmp(l->keys[i].name, key->name) == 0)
            return err_set(e, ERR_CALLER, -EEXIST, "there is a key named '%s' already", key->name);
    }
    return 0;
}

/* Letters and digits that are not mistaken for each other; 32 of them, so no byte is favoured. */
static void random_text(char *out, size_t n)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    uint8_t raw[SECRET_CHARS];

    random_bytes(raw, n);
    for (size_t i = 0; i < n; i++)
        out[i] = letters[raw[i] % 32];
    out[n] = '\0';
    explicit_bzero(raw, sizeof(raw));
}

void key_make_secret(struct key *key)
{
    random_text(key->secret_key, SECRET_CHARS);
}

void key_make_pair(struct key *key)
{
    random_text(key->access_key, ACCESS_CHARS);
    key_make_secret(key);
}

/* ---- opening ---- */

struct nonces *keys_nonces(const struct keys *k)
{
    return k->nonces;
}

struct keys *keys_free(struct keys *k)
{
    if (!k)
        return NULL;
    key_list_done(&k->list);
    key_list_done(&k->kept);
    k->nonces = nonces_free(k->nonces);
    pthread_rwlock_destroy(&k->lock);
    pthread_mutex_destroy(&k->change);
    (void)fd_close(k->dir);
    explicit_bzero(k, sizeof(*k));
    free(k);
    return NULL;
}

static void keys_freep(struct keys **k)
{
    *k = keys_free(*k);
}

static struct key new_root(void)
{
    return (struct key){.name = "root", .scope = KEY_ADMIN, .root = true};
}

/* The environment's pair is root; the file's steps aside. */
static int take_outside(struct keys *k, const char *access, const char *secret, struct err *e)
{
    struct key root = new_root(), *own = key_list_root(&k->list);
    int r;

    if (strlen(access) >= KEY_ACCESS || strlen(secret) >= KEY_SECRET)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "an access key has 1 to %d characters, its secret 1 to %d", KEY_ACCESS - 1,
                       KEY_SECRET - 1);
    if (own) {
        (void)key_list_add(&k->kept, own);
        *own = k->list.keys[--k->list.n];
        own->slot = (uint32_t)(own - k->list.keys);
        k->list.tags[own->slot] = k->list.tags[k->list.n];
        key_wipe(&k->list.keys[k->list.n]);
    }
    memcpy(root.access_key, access, strlen(access) + 1);
    memcpy(root.secret_key, secret, strlen(secret) + 1);
    k->outside = true;
    r = key_list_check(&k->list, &root, e);
    if (r == 0)
        (void)key_list_add(&k->list, &root);
    key_wipe(&root);
    return r;
}

/* No file, or one that was written while the root pair came from outside. */
static int make_root(struct keys *k, struct err *e)
{
    struct key root = new_root();
    int r;

    key_make_pair(&root);
    r = key_list_check(&k->list, &root, e);
    if (r == 0)
        (void)key_list_add(&k->list, &root);
    key_wipe(&root);
    return r < 0 ? r : key_file_save(k->dir, &k->list, &k->kept, k->outside, e);
}

int keys_open(int dirfd, const char *access, const char *secret, struct keys **ret,
              bool *ret_created, struct err *e)
{
    cleanup_with(keys_freep) struct keys *k = xnew(struct keys);
    bool given = access && access[0];
    const struct key *root;
    int r;

    pthread_mutex_init(&k->change, NULL);
    pthread_rwlock_init(&k->lock, NULL);
    k->nonces = nonces_new();
    k->dir = -EBADF;
    if (given != (secret && secret[0]))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "EVOKE_ACCESS_KEY and EVOKE_SECRET_KEY are a pair: set both or none");
    k->dir = fcntl(dirfd, F_DUPFD_CLOEXEC, 0);
    if (k->dir < 0)
        return err_sys(e, "keep the data directory");

    r = key_file_load(k->dir, &k->list, e);
    if (r < 0)
        return err_wrap(e, r, "keys.json");
    *ret_created = !given && !key_list_root(&k->list);
    if (given)
        r = take_outside(k, access, secret, e);
    else if (*ret_created)
        r = make_root(k, e);
    if (r < 0)
        return err_wrap(e, r, given ? "EVOKE_ACCESS_KEY" : "keys.json");

    root = key_list_root(&k->list);
    k->roles = role_root_of(str_of(root->secret_key));
    if (root->old_secret[0]) {
        k->old_roles = role_root_of(str_of(root->old_secret));
        k->old_roles_end_ms = root->ends_ms;
    }
    *ret = TAKE_PTR(k);
    return 0;
}

/* ---- asking ---- */

static void lock_to_read(const struct keys *k)
{
    pthread_rwlock_rdlock((pthread_rwlock_t *)&k->lock);
}

static void unlock(const struct keys *k)
{
    pthread_rwlock_unlock((pthread_rwlock_t *)&k->lock);
}

int keys_find(const struct keys *k, struct str access_key, struct key *ret)
{
    const struct key *found;

    lock_to_read(k);
    found = key_list_find(&k->list, access_key);
    if (found)
        *ret = *found;
    unlock(k);
    return found ? 0 : -ENOENT;
}

/* The list may be another one by now; then at worst a moment of use is forgotten. */
void keys_used(const struct keys *k, const struct key *key, int64_t now_ms)
{
    lock_to_read(k);
    if (key->slot < k->list.n && strcmp(k->list.keys[key->slot].access_key, key->access_key) == 0)
        __atomic_store_n(&k->list.keys[key->slot].used_ms, now_ms, __ATOMIC_RELAXED);
    unlock(k);
}

struct key keys_root(const struct keys *k)
{
    struct key root;

    lock_to_read(k);
    root = *key_list_root(&k->list);
    unlock(k);
    return root;
}

struct role_root keys_role_root(const struct keys *k)
{
    struct role_root root;

    lock_to_read(k);
    root = k->roles;
    unlock(k);
    return root;
}

bool keys_old_role_root(const struct keys *k, int64_t now_ms, struct role_root *ret)
{
    bool good;

    lock_to_read(k);
    good = now_ms < k->old_roles_end_ms;
    if (good)
        *ret = k->old_roles;
    unlock(k);
    return good;
}

void keys_each(const struct keys *k, bool (*fn)(void *user, const struct key *key), void *user)
{
    bool go_on = true;

    lock_to_read(k);
    for (size_t i = 0; go_on && i < k->list.n; i++) {
        struct key key = k->list.keys[i];

        explicit_bzero(key.secret_key, sizeof(key.secret_key));
        explicit_bzero(key.old_secret, sizeof(key.old_secret));
        go_on = fn(user, &key);
    }
    unlock(k);
}
