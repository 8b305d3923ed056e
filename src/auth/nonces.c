/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nonces.c - a ring of digests, and a table of chains over it.
 *
 * A date may be 15 minutes off either way, so a request could be sent again for half an hour. What is
 * kept of a nonce is 64 bits of SHA-256 over a seed of ours, the access key and the nonce: nobody can
 * aim at a collision, and by chance one of 2^48 fresh requests is refused when the ring is full. The ring
 * grows with what is asked, up to NONCES_MOST.
 */
#include "auth/nonces.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/crypto.h"

enum { FIRST = 256, NONE = UINT32_MAX };

struct entry {
    uint64_t digest;
    int64_t until_ms;
    uint32_t next; /* of its chain; NONE: the last */
    uint32_t used;
};

struct nonces {
    pthread_mutex_t lock;
    uint8_t seed[16];
    struct entry *ring; /* owned; size is a power of two, or 0 */
    uint32_t *heads;    /* owned; as many */
    uint32_t size, at;  /* at: the next to be written, the oldest of a full ring */
};

struct nonces *nonces_new(void)
{
    struct nonces *n = xnew(struct nonces);

    pthread_mutex_init(&n->lock, NULL);
    random_bytes(n->seed, sizeof(n->seed));
    return n;
}

struct nonces *nonces_free(struct nonces *n)
{
    if (!n)
        return NULL;
    pthread_mutex_destroy(&n->lock);
    free(n->ring);
    free(n->heads);
    free(n);
    return NULL;
}

static uint64_t digest_of(const struct nonces *n, struct str access_key, struct str nonce)
{
    uint8_t hash[SHA256_LEN];
    struct buf text;
    uint64_t digest;

    buf_init(&text, sizeof(n->seed) + access_key.n + nonce.n + 1);
    buf_adds(&text, (struct str){(const char *)n->seed, sizeof(n->seed)});
    buf_adds(&text, access_key);
    buf_addc(&text, '\n');
    buf_adds(&text, nonce);
    sha256(buf_str(&text), hash);
    buf_done(&text);
    memcpy(&digest, hash, sizeof(digest));
    return digest;
}

static bool knows(const struct nonces *n, uint64_t digest, int64_t now_ms)
{
    if (n->size == 0)
        return false;
    for (uint32_t i = n->heads[digest & (n->size - 1)]; i != NONE; i = n->ring[i].next)
        if (n->ring[i].digest == digest && n->ring[i].until_ms > now_ms)
            return true;
    return false;
}

static void link_entry(struct nonces *n, uint32_t i)
{
    uint32_t *head = &n->heads[n->ring[i].digest & (n->size - 1)];

    n->ring[i].next = *head;
    *head = i;
}

static void unlink_entry(struct nonces *n, uint32_t i)
{
    uint32_t *at = &n->heads[n->ring[i].digest & (n->size - 1)];

    while (*at != i)
        at = &n->ring[*at].next;
    *at = n->ring[i].next;
}

/* The ring is full of what still counts: twice the room, in the order it was. */
static void grow(struct nonces *n)
{
    uint32_t size = n->size ? 2 * n->size : FIRST;
    struct entry *ring = xcalloc(size, sizeof(*ring));

    for (uint32_t i = 0; i < n->size; i++)
        ring[i] = n->ring[(n->at + i) & (n->size - 1)];
    free(n->ring);
    free(n->heads);
    n->heads = xcalloc(size, sizeof(*n->heads));
    memset(n->heads, 0xff, size * sizeof(*n->heads));
    n->ring = ring;
    n->at = n->size;
    n->size = size;
    for (uint32_t i = 0; i < n->at; i++)
        link_entry(n, i);
}

static void add(struct nonces *n, uint64_t digest, int64_t now_ms)
{
    if (n->size == 0 ||
        (n->ring[n->at].used && n->ring[n->at].until_ms > now_ms && n->size < NONCES_MOST))
        grow(n);
    if (n->ring[n->at].used)
        unlink_entry(n, n->at);
    n->ring[n->at] =
            (struct entry){.digest = digest, .until_ms = now_ms + NONCES_LIFE_MS, .used = 1};
    link_entry(n, n->at);
    n->at = (n->at + 1) & (n->size - 1);
}

bool nonces_first(struct nonces *n, struct str access_key, struct str nonce, int64_t now_ms)
{
    uint64_t digest = digest_of(n, access_key, nonce);
    bool first;

    pthread_mutex_lock(&n->lock);
    first = !knows(n, digest, now_ms);
    if (first)
        add(n, digest, now_ms);
    pthread_mutex_unlock(&n->lock);
    return first;
}
