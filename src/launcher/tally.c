/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tally.c - what is kept ready, told to the daemon for its metrics.
 *
 * Each turn what is there is compared with what was told last, runtime by runtime. A difference is
 * told at once, then nothing for PAUSE_MS: a burst of STARTs is two messages, not two each. Who is at
 * rest is not woken for it; only a difference that came within the pause has us look once more.
 */
#include "launcher/slot.h"

#include <string.h>

enum { PAUSE_MS = 1000 };

static const uint64_t ms_ns = 1000000;

/* Padding is zero: they are compared and sent as bytes. */
static void begin(struct instances *set, size_t n, struct launch_stock *rows)
{
    memset(rows, 0, n * sizeof *rows);
    for (size_t i = 0; i < n; i++) {
        const struct runtime *rt = runtimes_at(set->host.runtimes, i);
        const struct zygote *z = &set->stocks[i].zygote;

        rows[i].type = LAUNCH_STOCK;
        memcpy(rows[i].runtime, rt->id, strnlen(rt->id, sizeof rows[i].runtime - 1));
        rows[i].has_spares = rt->spare;
        rows[i].has_zygote = rt->zygote[0] && !z->unavailable;
        rows[i].zygotes = z->ready;
        rows[i].zygote_ends = z->ends;
    }
}

static void count(struct instances *set, size_t n, struct launch_stock *rows)
{
    uint32_t slots = 0;

    list_each (node, &set->stock) {
        const struct slot *s = container_of(node, struct slot, node);

        slots += s->state == SLOT_EMPTY;
        if (s->state == SLOT_SPARE)
            rows[s->runtime->index].spares++;
    }
    for (size_t i = 0; i < n; i++)
        rows[i].slots = slots;
}

int tally_turn(struct instances *set, uint64_t now_ns)
{
    size_t n = runtimes_count(set->host.runtimes), size = n * sizeof(struct launch_stock);
    struct launch_stock rows[RUNTIMES_MAX];

    begin(set, n, rows);
    count(set, n, rows);
    if (memcmp(rows, set->told, size) == 0)
        return -1;
    if (now_ns < set->tell_ns)
        return (int)((set->tell_ns - now_ns) / ms_ns) + 1;
    set->tell_ns = now_ns + PAUSE_MS * ms_ns;
    for (size_t i = 0; i < n; i++)
        if (memcmp(&rows[i], &set->told[i], sizeof rows[i]) != 0)
            set->host.answer(set->host.user, &rows[i], sizeof rows[i], NULL, 0);
    memcpy(set->told, rows, size);
    return -1;
}

void tally_fresh(struct instances *set)
{
    memset(set->told, 0, sizeof set->told);
    set->tell_ns = 0;
}
