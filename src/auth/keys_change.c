/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_change.c - keys come and go while requests are checked.
 *
 * A change makes the next list beside the one in use, writes it to disk, and only then exchanges
 * the two: whoever asks sees the keys before or the keys after, and what was answered as done
 * survives a crash. `change` is held all along, so two changes follow each other; `lock` only while
 * the pointers are exchanged, so no request waits for the disk.
 */
#include <errno.h>
#include <string.h>

#include "auth/keys_internal.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"

/* Only whoever holds `change` writes the list, so it may be read here without `lock`. */
static struct key_list copy_of(const struct key_list *l)
{
    struct key_list copy = {0};

    for (size_t i = 0; i < l->n; i++)
        (void)key_list_add(&copy, &l->keys[i]);
    return copy;
}

/* next: taken. On failure nothing has changed. */
static int publish(struct keys *k, struct key_list *next, struct err *e)
{
    const struct key *root = key_list_root(next);
    struct key_list old;
    int r = key_file_save(k->dir, next, &k->kept, k->outside, e);

    if (r < 0) {
        key_list_done(next);
        return err_wrap(e, r, "write keys.json");
    }
    pthread_rwlock_wrlock(&k->lock);
    old = k->list;
    for (size_t i = 0; i < next->n; i++) { /* requests may have moved it meanwhile */
        const struct key *was = key_list_find(&old, str_of(next->keys[i].access_key));

        next->keys[i].used_ms = was ? was->used_ms : 0;
    }
    k->list = *next;
    k->roles = role_root_of(str_of(root->secret_key));
    k->old_roles_end_ms = root->old_secret[0] ? root->ends_ms : 0;
    if (root->old_secret[0])
        k->old_roles = role_root_of(str_of(root->old_secret));
    pthread_rwlock_unlock(&k->lock);
    key_list_done(&old);
    return 0;
}

static int add(struct keys *k, const struct key *wanted, int64_t now_ms, struct key *ret,
               struct err *e)
{
    struct key_list next;
    struct key key = *wanted;
    int r;

    key.root = false;
    key.old_secret[0] = '\0';
    key.created_ms = now_ms;
    key.ends_ms = key.used_ms = 0;
    key_make_pair(&key);
    r = key_list_check(&k->list, &key, e);
    if (r == 0) {
        next = copy_of(&k->list);
        (void)key_list_add(&next, &key);
        r = publish(k, &next, e);
    }
    if (r == 0)
        *ret = key;
    key_wipe(&key);
    return r;
}

static int fail_unknown(struct str access_key, struct err *e)
{
    return err_set(e, ERR_CALLER, -ENOENT, "there is no key '%.*s'",
                   (int)(access_key.n < KEY_ACCESS ? access_key.n : KEY_ACCESS), access_key.p);
}

static int rotate(struct keys *k, struct str access_key, uint32_t grace_s, int64_t now_ms,
                  struct key *ret, struct err *e)
{
    struct key_list next = copy_of(&k->list);
    struct key *key = key_list_find(&next, access_key);
    struct key changed;
    int r;

    if (!key || (key->root && k->outside)) {
        r = key ? err_set(e, ERR_CALLER, -EPERM,
                          "the root pair of this run comes from the environment "
                          "(EVOKE_ACCESS_KEY): change it there and restart")
                : fail_unknown(access_key, e);
        key_list_done(&next);
        return r;
    }
    key->ends_ms = grace_s ? now_ms + (int64_t)grace_s * 1000 : 0;
    if (grace_s)
        memcpy(key->old_secret, key->secret_key, sizeof(key->old_secret));
    else
        explicit_bzero(key->old_secret, sizeof(key->old_secret));
    key_make_secret(key);
    changed = *key;
    r = publish(k, &next, e);
    if (r == 0)
        *ret = changed;
    key_wipe(&changed);
    return r;
}

static int remove_one(struct keys *k, struct str access_key, struct err *e)
{
    const struct key *key = key_list_find(&k->list, access_key);
    struct key_list next = {0};

    if (!key)
        return fail_unknown(access_key, e);
    if (key->root)
        return err_set(e, ERR_CALLER, -EPERM,
                       "the root pair cannot be removed; give it another secret (rotate)");
    for (size_t i = 0; i < k->list.n; i++)
        if (&k->list.keys[i] != key)
            (void)key_list_add(&next, &k->list.keys[i]);
    return publish(k, &next, e);
}

int keys_add(struct keys *k, const struct key *wanted, int64_t now_ms, struct key *ret,
             struct err *e)
{
    int r;

    pthread_mutex_lock(&k->change);
    r = add(k, wanted, now_ms, ret, e);
    pthread_mutex_unlock(&k->change);
    return r;
}

int keys_rotate(struct keys *k, struct str access_key, uint32_t grace_s, int64_t now_ms,
                struct key *ret, struct err *e)
{
    int r;

    pthread_mutex_lock(&k->change);
    r = rotate(k, access_key, grace_s, now_ms, ret, e);
    pthread_mutex_unlock(&k->change);
    return r;
}

int keys_remove(struct keys *k, struct str access_key, struct err *e)
{
    int r;

    pthread_mutex_lock(&k->change);
    r = remove_one(k, access_key, e);
    pthread_mutex_unlock(&k->change);
    return r;
}
