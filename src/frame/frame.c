/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.c - bytes to frames and back; knows nothing of what a frame means.
 *
 * What may stand in a frame is one table: on which stream, with which flags, how long. frame_take()
 * judges the head as soon as its twelve bytes are there, so that a wrong length is told before
 * anybody waits for a payload that may never come.
 *
 * What always holds:
 *   (1) a frame is handed out whole or not at all; *in moves by exactly one frame.
 *   (2) what frame_put() writes, frame_take() accepts (tests/fuzz/fuzz_frame.c).
 */
#include "frame/frame.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

enum stream_rule { INSTANCE, STREAM, EITHER };

static const struct {
    enum stream_rule stream;
    uint8_t flags;
    uint32_t min, max;
} rules[FRAME_TYPES] = {
        [FRAME_READY] = {INSTANCE, FRAME_F_ERROR, 0, FRAME_MAX_DATA},
        [FRAME_ASSIGN] = {INSTANCE, 0, 0, FRAME_MAX_META},
        [FRAME_OPEN] = {STREAM, 0, 0, FRAME_MAX_META},
        [FRAME_DATA] = {STREAM, 0, 0, FRAME_MAX_DATA},
        [FRAME_END] = {STREAM, FRAME_F_ERROR, 0, FRAME_MAX_DATA},
        [FRAME_CREDIT] = {STREAM, 0, 4, 4},
        [FRAME_RESET] = {STREAM, 0, 0, 0},
        [FRAME_LOG] = {EITHER, 0, 0, FRAME_MAX_DATA},
        [FRAME_HTTP_HEAD] = {STREAM, 0, 1, FRAME_MAX_HTTP_HEAD},
};

static uint32_t get_u32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;

    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static void set_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* What is wrong with this head, or NULL. */
static const char *fault(uint8_t type, uint8_t flags, uint32_t stream, uint32_t length,
                         uint32_t max_payload)
{
    if (type == 0 || type >= FRAME_TYPES)
        return "unknown frame type";
    if (flags & ~rules[type].flags)
        return "unknown frame flag";
    if (rules[type].stream == INSTANCE && stream != 0)
        return "frame belongs on stream 0";
    if (rules[type].stream == STREAM && stream == 0)
        return "frame needs a stream";
    if (length < rules[type].min)
        return "frame payload too short";
    if (length > rules[type].max || length > max_payload)
        return "frame payload too long";
    return NULL;
}

int frame_take(struct str *in, uint32_t max_payload, struct frame *ret, const char **ret_why)
{
    struct frame f;
    uint32_t length;
    const char *why;

    if (in->n < FRAME_HEAD)
        return 0;

    length = get_u32(in->p);
    f.type = (uint8_t)in->p[4];
    f.flags = (uint8_t)in->p[5];
    f.stream = get_u32(in->p + 8);
    why = in->p[6] || in->p[7] ? "reserved bits of a frame are not zero"
                               : fault(f.type, f.flags, f.stream, length, max_payload);
    if (why) {
        *ret_why = why;
        return -EPROTO;
    }
    if (in->n - FRAME_HEAD < length)
        return 0;

    f.payload = (struct str){in->p + FRAME_HEAD, length};
    *in = str_from(*in, FRAME_HEAD + (size_t)length);
    *ret = f;
    return 1;
}

void frame_head(uint8_t head[FRAME_HEAD], enum frame_type type, uint8_t flags, uint32_t stream,
                uint32_t length)
{
    assert(!fault((uint8_t)type, flags, stream, length, FRAME_MAX_META));
    set_u32(head, length);
    head[4] = (uint8_t)type;
    head[5] = flags;
    head[6] = head[7] = 0;
    set_u32(head + 8, stream);
}

void frame_put(struct buf *out, enum frame_type type, uint8_t flags, uint32_t stream,
               struct str payload)
{
    char *p;

    assert(payload.n <= FRAME_MAX_META);
    p = buf_room(out, FRAME_HEAD + payload.n);
    if (!p)
        return;
    frame_head((uint8_t *)p, type, flags, stream, (uint32_t)payload.n);
    if (payload.n > 0)
        memcpy(p + FRAME_HEAD, payload.p, payload.n);
    buf_grew(out, FRAME_HEAD + payload.n);
}

void frame_put_credit(struct buf *out, uint32_t stream, uint32_t bytes)
{
    uint8_t text[4];

    set_u32(text, bytes);
    frame_put(out, FRAME_CREDIT, 0, stream, (struct str){(const char *)text, sizeof(text)});
}

uint32_t frame_credit(const struct frame *f)
{
    assert(f->type == FRAME_CREDIT && f->payload.n == 4);
    return get_u32(f->payload.p);
}
