/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_frame.c - the frame codec. Whatever comes in: frames are inside the input, what was taken
 * can be put again byte by byte, and taking the same bytes in pieces gives the same frames.
 */
#include "fuzz.h"

#include <string.h>

#include "frame/frame.h"

static void check_frame(const struct frame *f, struct str before, struct str after)
{
    struct buf again;
    size_t n = before.n - after.n;

    buf_init(&again, 2u << 20);
    frame_put(&again, f->type, f->flags, f->stream, f->payload);
    holds(str_eq(buf_str(&again), (struct str){before.p, n}));
    if (f->type == FRAME_CREDIT) {
        buf_reset(&again);
        frame_put_credit(&again, f->stream, frame_credit(f));
        holds(str_eq(buf_str(&again), (struct str){before.p, n}));
    }
    buf_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    int r = 1;

    while (r > 0) {
        struct str before = in;
        const char *why = NULL;
        struct frame f, g;

        r = frame_take(&in, FRAME_MAX_META, &f, &why);
        holds(r > 0 || in.n == before.n);
        holds(r >= 0 || why);
        if (r <= 0)
            break;
        check_frame(&f, before, in);
        /* One byte fewer is not enough, and never a different frame. */
        struct str less = {before.p, before.n - in.n - 1};

        holds(frame_take(&less, FRAME_MAX_META, &g, &why) == 0);
    }
    return 0;
}
