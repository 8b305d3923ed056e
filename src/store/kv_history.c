/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kv_history.c - which keys the last txns touched.
 *
 * It is what a listing at a revision and a watch are answered from. Keys only: with values, the
 * last ten thousand txns could be ten gigabytes, and who is told of a change wants the newest value
 * anyway. A ring of one allocation per txn; a revision is found by subtraction, because every
 * committed txn is in here, also one without operations.
 */
#include "store/kv_history.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { KEY_HEAD = 3 };

static bool is_last_of_its_key(const struct kv_op *ops, uint32_t n, uint32_t i)
{
    for (uint32_t j = i + 1; j < n; j++)
        if (str_eq(ops[i].key, ops[j].key))
            return false;
    return true;
}

struct kv_past *kv_past_new(const struct kv_op *ops, uint32_t n)
{
    struct kv_past *past;
    size_t bytes = 0;
    char *p;

    for (uint32_t i = 0; i < n; i++)
        bytes += KEY_HEAD + ops[i].key.n;
    past = xcalloc(1, sizeof(*past) + bytes);
    p = past->bytes;
    for (uint32_t i = 0; i < n; i++) {
        struct str key = ops[i].key;

        if (!is_last_of_its_key(ops, n, i))
            continue;
        *p++ = (char)ops[i].del;
        *p++ = (char)(key.n & 0xff);
        *p++ = (char)(key.n >> 8);
        if (key.n > 0)
            memcpy(p, key.p, key.n);
        p += key.n;
    }
    past->n = (uint32_t)(p - past->bytes);
    return past;
}

/* One key off the front. False at the end, and where the shape is broken. */
static bool take(struct str *rest, struct kv_change *c)
{
    const uint8_t *p = (const uint8_t *)rest->p;
    size_t n;

    if (rest->n < KEY_HEAD)
        return false;
    n = (size_t)p[1] | (size_t)p[2] << 8;
    if (p[0] > 1 || n > KV_KEY || n > rest->n - KEY_HEAD)
        return false;
    *c = (struct kv_change){.key = {rest->p + KEY_HEAD, n}, .del = p[0] == 1};
    *rest = str_from(*rest, KEY_HEAD + n);
    return true;
}

struct kv_past *kv_past_copy(struct str bytes)
{
    struct kv_past *past;
    struct kv_change c;
    struct str rest = bytes;
    uint32_t keys = 0;

    while (take(&rest, &c))
        keys++;
    if (rest.n > 0 || keys > KV_OPS)
        return NULL;
    past = xcalloc(1, sizeof(*past) + bytes.n);
    past->n = (uint32_t)bytes.n;
    if (bytes.n > 0)
        memcpy(past->bytes, bytes.p, bytes.n);
    return past;
}

uint32_t kv_past_keys(const struct kv_past *past, struct str prefix,
                      struct kv_change changes[KV_OPS])
{
    struct str rest = {past->bytes, past->n};
    struct kv_change c;
    uint32_t n = 0;

    while (take(&rest, &c))
        if (str_starts(c.key, prefix))
            changes[n++] = c;
    return n;
}

void kv_history_init(struct kv_history *h, uint64_t rev)
{
    *h = (struct kv_history){.first = rev + 1};
}

static struct kv_past **slot(const struct kv_history *h, uint32_t i)
{
    return &h->at[(h->head + i) & (h->cap - 1)];
}

static void grow(struct kv_history *h)
{
    uint32_t cap = h->cap > 0 ? 2 * h->cap : 64;
    struct kv_past **at = xcalloc(cap, sizeof(struct kv_past *));

    for (uint32_t i = 0; i < h->n; i++)
        at[i] = *slot(h, i);
    free(h->at);
    h->at = at;
    h->cap = cap;
    h->head = 0;
}

static void drop_first(struct kv_history *h)
{
    struct kv_past *past = *slot(h, 0);

    h->bytes -= past->n;
    free(past);
    h->head = (h->head + 1) & (h->cap - 1);
    h->first++;
    h->n--;
}

void kv_history_done(struct kv_history *h)
{
    while (h->n > 0)
        drop_first(h);
    free(h->at);
    *h = (struct kv_history){0};
}

void kv_history_add(struct kv_history *h, struct kv_past *past)
{
    if (h->n == h->cap)
        grow(h);
    *slot(h, h->n++) = past;
    h->bytes += past->n;
}

void kv_history_trim(struct kv_history *h)
{
    while (kv_history_over(h->n, h->bytes))
        drop_first(h);
}

uint64_t kv_history_rev(const struct kv_history *h)
{
    return h->first + h->n - 1;
}

const struct kv_past *kv_history_at(const struct kv_history *h, uint64_t rev)
{
    assert(rev >= h->first && rev - h->first < h->n);
    return *slot(h, (uint32_t)(rev - h->first));
}

bool kv_history_reaches(const struct kv_history *h, uint64_t rev)
{
    return rev + 1 >= h->first && rev <= kv_history_rev(h);
}

bool kv_history_touched(const struct kv_history *h, struct str prefix, uint64_t since)
{
    struct kv_change changes[KV_OPS];

    if (!kv_history_reaches(h, since))
        return true;
    for (uint64_t rev = since + 1; rev <= kv_history_rev(h); rev++)
        if (kv_past_keys(kv_history_at(h, rev), prefix, changes) > 0)
            return true;
    return false;
}
