/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena.c - a pile of blocks that is thrown away whole.
 *
 * A request allocates a hundred small things and frees none of them; its arena goes at its end.
 * The limit is the answer to "how much may one request cost us": it is charged by what callers
 * ask for, rounded up to the alignment, so a thousand one-byte strings are not free.
 *
 * What always holds:
 *   (1) used <= limit.
 *   (2) the blocks form a list, newest first; the last one in it is the first block, which
 *       arena_reset() keeps, so that a steady connection stops calling malloc().
 *   (3) the tail we leave unused in a block is smaller than the allocation that opened the next
 *       one, so the real memory stays below twice the limit plus one block header each.
 */
#include "base/arena.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { ALIGN = _Alignof(max_align_t), FIRST_BLOCK = 4096, LARGEST_STEP = 256 * 1024 };

struct block {
    struct block *older; /* owned; NULL in the first block */
    size_t size, used;   /* bytes of data[] */
    _Alignas(max_align_t) char data[];
};

struct arena {
    struct block *newest; /* owned; NULL until the first allocation */
    size_t limit, used;
    size_t step; /* size of the next block, if the request fits in it */
};

static size_t round_up(size_t n)
{
    return (n + ALIGN - 1) / ALIGN * ALIGN;
}

struct arena *arena_new(size_t limit_bytes)
{
    struct arena *a = xnew(struct arena);

    /* Keeps round_up() and the block header away from overflow; nobody owns that much anyway. */
    a->limit = limit_bytes < PTRDIFF_MAX / 2 ? limit_bytes : PTRDIFF_MAX / 2;
    a->step = FIRST_BLOCK;
    return a;
}

static void drop_blocks(struct arena *a, struct block *until)
{
    while (a->newest != until) {
        struct block *older = a->newest->older;

        free(a->newest);
        a->newest = older;
    }
}

struct arena *arena_free(struct arena *a)
{
    if (a) {
        drop_blocks(a, NULL);
        free(a);
    }
    return NULL;
}

void arena_reset(struct arena *a)
{
    struct block *first = a->newest;

    while (first && first->older)
        first = first->older;
    drop_blocks(a, first);
    if (first)
        first->used = 0;
    a->used = 0;
    a->step = FIRST_BLOCK;
}

/* Open a block that holds at least n bytes (n is rounded up already). */
static struct block *add_block(struct arena *a, size_t n)
{
    size_t left = round_up(a->limit - a->used);
    size_t size = a->step < left ? a->step : left;
    struct block *b;

    if (size < n)
        size = n;
    b = malloc(sizeof(*b) + size);
    if (!b)
        return NULL;
    b->older = a->newest;
    b->size = size;
    b->used = 0;
    a->newest = b;
    if (a->step < LARGEST_STEP)
        a->step *= 2;
    return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct block *b = a->newest;
    size_t need;
    void *p;

    if (n == 0)
        n = 1;
    if (n > a->limit - a->used)
        return NULL;
    need = round_up(n);
    if (!b || need > b->size - b->used)
        b = add_block(a, need);
    if (!b)
        return NULL;

    p = b->data + b->used;
    b->used += need;
    /* The last allocation may end inside its padding: the limit is exact, not rounded down. */
    a->used = need < a->limit - a->used ? a->used + need : a->limit;
    assert(b->used <= b->size && a->used <= a->limit);
    return memset(p, 0, n);
}

char *arena_strdup(struct arena *a, struct str s)
{
    char *copy = s.n < SIZE_MAX ? arena_alloc(a, s.n + 1) : NULL;

    if (copy && s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
