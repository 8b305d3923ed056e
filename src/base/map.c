/* SPDX-License-Identifier: Apache-2.0 */
/*
 * map.c - a hash table with linear probing and a seed nobody outside can know.
 *
 * Keys come from request paths, header names and function names, so a stranger picks them. SipHash
 * under a random key makes it useless to pick them for their hash. Deleting shifts the following
 * run back instead of leaving tombstones, so a table that lives for months does not rot.
 *
 * What always holds:
 *   (1) the number of slots is 0 or a power of two, and at most 3/4 of them are full.
 *   (2) between a key's home slot and its place there is no empty slot.
 *   (3) a slot is full exactly when its value is not NULL; it owns the copy of its key.
 *
 * Source: Aumasson, Bernstein: "SipHash: a fast short-input PRF" (the 1-3 variant).
 */
#include "base/map.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/crypto.h"

enum { FIRST_SLOTS = 16 };

struct slot {
    uint64_t hash;
    struct str key; /* owned */
    void *value;    /* borrowed; NULL: the slot is empty */
};

struct map {
    struct slot *slots; /* owned */
    size_t size, count;
};

static uint64_t seed[2];
static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void make_seed(void)
{
    random_bytes(seed, sizeof(seed));
}

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static uint64_t hash_of(struct str key)
{
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
                     seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
    uint64_t word;
    size_t i = 0;

    for (; key.n - i >= 8; i += 8) {
        memcpy(&word, key.p + i, 8);
        word = le64toh(word);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)key.n << 56;
    for (size_t k = 0; i + k < key.n; k++)
        word |= (uint64_t)(uint8_t)key.p[i + k] << (8 * k);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int k = 0; k < 3; k++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct map *map_new(void)
{
    (void)pthread_once(&seed_once, make_seed);
    return xnew(struct map);
}

struct map *map_free(struct map *m)
{
    if (!m)
        return NULL;
    for (size_t i = 0; i < m->size; i++)
        if (m->slots[i].value)
            free((char *)m->slots[i].key.p);
    free(m->slots);
    free(m);
    return NULL;
}

/* Where the key is, or the empty slot where it would go. The table must have slots. */
static size_t find(const struct map *m, struct str key, uint64_t hash)
{
    size_t i = hash & (m->size - 1);

    while (m->slots[i].value && (m->slots[i].hash != hash || !str_eq(m->slots[i].key, key)))
        i = (i + 1) & (m->size - 1);
    return i;
}

void *map_get(const struct map *m, struct str key)
{
    return m->count ? m->slots[find(m, key, hash_of(key))].value : NULL;
}

static void grow(struct map *m)
{
    struct map bigger = {.size = m->size ? m->size * 2 : FIRST_SLOTS, .count = m->count};

    bigger.slots = xcalloc(bigger.size, sizeof(*bigger.slots));
    for (size_t i = 0; i < m->size; i++)
        if (m->slots[i].value)
            bigger.slots[find(&bigger, m->slots[i].key, m->slots[i].hash)] = m->slots[i];
    free(m->slots);
    *m = bigger;
}

void *map_put(struct map *m, struct str key, void *value)
{
    uint64_t hash = hash_of(key);
    struct slot *s;
    void *old;

    assert(value);
    if (m->count + 1 > m->size / 4 * 3)
        grow(m);
    s = &m->slots[find(m, key, hash)];
    old = s->value;
    if (!old) {
        *s = (struct slot){.hash = hash, .key = {str_dup(key), key.n}};
        m->count++;
    }
    s->value = value;
    return old;
}

void *map_del(struct map *m, struct str key)
{
    size_t mask = m->size - 1, hole;
    void *old;

    if (m->count == 0)
        return NULL;
    hole = find(m, key, hash_of(key));
    old = m->slots[hole].value;
    if (!old)
        return NULL;
    free((char *)m->slots[hole].key.p);
    m->count--;

    /* Pull back every later one of the run whose home is not between the hole and itself. */
    for (size_t i = (hole + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct slot){0};
    return old;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

bool map_next(const struct map *m, size_t *cursor, struct str *ret_key, void **ret_value)
{
    while (*cursor < m->size) {
        const struct slot *s = &m->slots[(*cursor)++];

        if (s->value) {
            *ret_key = s->key;
            *ret_value = s->value;
            return true;
        }
    }
    return false;
}
