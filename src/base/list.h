/* SPDX-License-Identifier: Apache-2.0 */
/* list.h - intrusive doubly linked ring. A node is in at most one list; a fresh or removed node
 * points to itself, so removing twice is harmless. */
#ifndef EVOKE_BASE_LIST_H
#define EVOKE_BASE_LIST_H

#include <assert.h>
#include <stdbool.h>

#include "base/obj.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_remove(struct list *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}

static inline void list_push_back(struct list *l, struct list *n)
{
    n->prev = l->prev;
    n->next = l;
    l->prev->next = n;
    l->prev = n;
}

static inline void list_push_front(struct list *l, struct list *n)
{
    list_push_back(l->next, n);
}

/* Or NULL. */
static inline struct list *list_first(const struct list *l)
{
    struct list *n = l->next;

    if (n == l)
        return NULL;
    /* The analyzer does not see that list_remove(n) changed l, and so takes n for the node that was
     * freed in the round before. */
    assert(n->prev == l); /* NOLINT(clang-analyzer-unix.Malloc) */
    return n;
}

static inline struct list *list_pop_front(struct list *l)
{
    struct list *n = list_first(l);

    if (n)
        list_remove(n);
    return n;
}

/* The body may remove `it`, but nothing else. */
#define list_each(it, l)                                                                           \
    for (struct list *it = (l)->next, *it##_next = it->next; it != (l);                            \
         it = it##_next, it##_next = it->next)

#endif
