/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_event_record.c - what an event carries besides its bytes: attributes and notes that nobody of us
 * wrote, and those made from any text.
 *
 * Properties: reading ends, whatever the bytes; a note with one more try is read back, with that try as
 * its last, never has more tries than are kept, and fits into a record; attributes are read as written.
 */
#include <string.h>

#include "base/json.h"
#include "delivery/internal.h"
#include "fuzz.h"

enum { MAX_INPUT = 4 * 1024, ADDED = DELIVERY_TRIES + 2 };

static void read_any(struct str attributes, struct str note)
{
    struct q_event ev = {.attributes = attributes, .note = note};
    struct delivery_told told;

    (void)delivery_tell(&ev, &told);
    holds(told.ntries <= DELIVERY_TRIES);
    delivery_told_done(&told);
    (void)note_failed(note);
}

/* Again and again, as an event that fails all the time: the note of each is the next one's. */
static void add_tries(struct str note, struct str text)
{
    struct held h = {.note = note};
    struct tried t = {.outcome = "error", .error = text, .tail = text, .instance = S("i-1")};
    struct buf out[2];

    for (int i = 0; i < 2; i++)
        buf_init(&out[i], Q_NOTE);
    for (uint32_t i = 0; i < ADDED; i++) {
        struct buf *to = &out[i % 2];
        struct q_event ev = {.attributes = S("{}")};
        struct delivery_told told;

        h.start_ms = 1000 + i;
        buf_reset(to);
        note_write(&h, &t, 2000 + i, i, text, to);
        if (!buf_ok(to))
            break; /* other people's notes may have too much in what is never cut */
        ev.note = h.note = buf_str(to);
        holds(delivery_tell(&ev, &told) == 0);
        holds(told.ntries > 0 && told.ntries <= DELIVERY_TRIES);
        holds(told.tries[told.ntries - 1].start_ms == 1000 + i);
        holds(note_failed(ev.note) == i);
        delivery_told_done(&told);
    }
    for (int i = 0; i < 2; i++)
        buf_done(&out[i]);
}

static void write_attributes(struct str text)
{
    struct attributes a = {.trigger = RUN_TIMER, .depth = 3}, again;
    struct cJSON *tree;
    struct buf out;

    a.qualifier = str_cut(&text, '|');
    a.cause = str_cut(&text, '|');
    a.state = str_cut(&text, '|');
    a.ce_source = text.p ? text : STR_NONE;
    buf_init(&out, 8 * MAX_INPUT);
    attributes_write(&a, &out);
    holds(buf_ok(&out));
    tree = attributes_read(buf_str(&out), &again);
    holds(tree && again.trigger == a.trigger && again.depth == a.depth);
    holds(str_eq(again.qualifier, a.qualifier) && str_eq(again.cause, a.cause));
    holds(str_eq(again.state, a.state) && str_eq(again.ce_source, a.ce_source));
    json_free(tree);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n}, rest = text, note;

    if (n > MAX_INPUT)
        return 0;
    note = str_cut(&rest, '\n');
    read_any(text, note);
    read_any(note, rest.p ? rest : STR_NONE);
    add_tries(note, rest.p ? rest : S("x"));
    if (str_utf8(text) && !str_has(text, '\0'))
        write_attributes(text);
    return 0;
}
