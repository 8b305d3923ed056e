/* SPDX-License-Identifier: Apache-2.0 */
/* test_frame.c - the frame codec: round trip, splits, and every head it must refuse. */
#include "t.h"

#include <errno.h>
#include <stdlib.h>

#include "base/obj.h"
#include "frame/frame.h"

static const struct {
    enum frame_type type;
    uint8_t flags;
    uint32_t stream;
    uint32_t max; /* longest payload it may carry */
} good[] = {
        {FRAME_READY, 0, 0, FRAME_MAX_DATA},
        {FRAME_READY, FRAME_F_ERROR, 0, FRAME_MAX_DATA},
        {FRAME_ASSIGN, 0, 0, FRAME_MAX_META},
        {FRAME_OPEN, 0, 1, FRAME_MAX_META},
        {FRAME_DATA, 0, 7, FRAME_MAX_DATA},
        {FRAME_END, 0, UINT32_MAX, FRAME_MAX_DATA},
        {FRAME_END, FRAME_F_ERROR, 2, 10},
        {FRAME_RESET, 0, 3, 0},
        {FRAME_LOG, 0, 0, FRAME_MAX_DATA},
        {FRAME_LOG, 0, 9, FRAME_MAX_DATA},
        {FRAME_HTTP_HEAD, 0, 1, FRAME_MAX_HTTP_HEAD},
};

static void what_is_put_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char *bytes = calloc(1, good[i].max + 1);
        struct buf b;
        struct str in;
        struct frame f;
        const char *why = NULL;

        memset(bytes, 'x', good[i].max);
        buf_init(&b, 2u << 20);
        frame_put(&b, good[i].type, good[i].flags, good[i].stream,
                  (struct str){bytes, good[i].max});
        in = buf_str(&b);
        assert_int_equal(frame_take(&in, FRAME_MAX_META, &f, &why), 1);
        assert_int_equal(in.n, 0);
        assert_int_equal(f.type, good[i].type);
        assert_int_equal(f.flags, good[i].flags);
        assert_int_equal(f.stream, good[i].stream);
        t_str(f.payload, ((struct str){bytes, good[i].max}));
        buf_done(&b);
        free(bytes);
    }
}

static void a_frame_in_pieces_is_taken_once_it_is_whole(void **state)
{
    struct buf b;
    struct frame f;
    const char *why;

    (void)state;
    buf_init(&b, 1000);
    frame_put(&b, FRAME_DATA, 0, 5, S("hello"));
    for (size_t n = 0; n < b.n; n++) {
        struct str part = {b.p, n};

        assert_int_equal(frame_take(&part, FRAME_MAX_DATA, &f, &why), 0);
        assert_int_equal(part.n, n);
    }
    frame_put_credit(&b, 5, 0x01020304);

    struct str in = buf_str(&b);

    assert_int_equal(frame_take(&in, FRAME_MAX_DATA, &f, &why), 1);
    t_str(f.payload, S("hello"));
    assert_int_equal(frame_take(&in, FRAME_MAX_DATA, &f, &why), 1);
    assert_int_equal(f.type, FRAME_CREDIT);
    assert_int_equal(frame_credit(&f), 0x01020304);
    assert_int_equal(frame_take(&in, FRAME_MAX_DATA, &f, &why), 0);
    buf_done(&b);
}

static void a_wrong_head_is_refused_before_its_payload_is_there(void **state)
{
    static const struct {
        uint32_t length;
        uint8_t type, flags, reserved;
        uint32_t stream;
        uint32_t max_payload;
        const char *why;
    } bad[] = {
            {0, 0, 0, 0, 1, FRAME_MAX_META, "type"},
            {0, FRAME_TYPES, 0, 0, 1, FRAME_MAX_META, "type"},
            {0, 255, 0, 0, 1, FRAME_MAX_META, "type"},
            {0, FRAME_READY, 2, 0, 0, FRAME_MAX_META, "flag"},
            {0, FRAME_DATA, FRAME_F_ERROR, 0, 1, FRAME_MAX_META, "flag"},
            {0, FRAME_OPEN, FRAME_F_ERROR, 0, 1, FRAME_MAX_META, "flag"},
            {0, FRAME_DATA, 0, 1, 1, FRAME_MAX_META, "reserved"},
            {0, FRAME_READY, 0, 0, 1, FRAME_MAX_META, "stream 0"},
            {0, FRAME_ASSIGN, 0, 0, 1, FRAME_MAX_META, "stream 0"},
            {0, FRAME_OPEN, 0, 0, 0, FRAME_MAX_META, "needs a stream"},
            {0, FRAME_DATA, 0, 0, 0, FRAME_MAX_META, "needs a stream"},
            {0, FRAME_END, 0, 0, 0, FRAME_MAX_META, "needs a stream"},
            {0, FRAME_RESET, 0, 0, 0, FRAME_MAX_META, "needs a stream"},
            {4, FRAME_CREDIT, 0, 0, 0, FRAME_MAX_META, "needs a stream"},
            {3, FRAME_CREDIT, 0, 0, 1, FRAME_MAX_META, "too short"},
            {5, FRAME_CREDIT, 0, 0, 1, FRAME_MAX_META, "too long"},
            {1, FRAME_RESET, 0, 0, 1, FRAME_MAX_META, "too long"},
            {2, FRAME_HTTP_HEAD, 0, 0, 0, FRAME_MAX_META, "needs a stream"},
            {2, FRAME_HTTP_HEAD, FRAME_F_ERROR, 0, 1, FRAME_MAX_META, "flag"},
            {0, FRAME_HTTP_HEAD, 0, 0, 1, FRAME_MAX_META, "too short"},
            {FRAME_MAX_HTTP_HEAD + 1, FRAME_HTTP_HEAD, 0, 0, 1, FRAME_MAX_META, "too long"},
            {FRAME_MAX_DATA + 1, FRAME_DATA, 0, 0, 1, FRAME_MAX_META, "too long"},
            {FRAME_MAX_DATA + 1, FRAME_LOG, 0, 0, 1, FRAME_MAX_META, "too long"},
            {FRAME_MAX_META + 1, FRAME_OPEN, 0, 0, 1, UINT32_MAX, "too long"},
            {FRAME_MAX_DATA + 1, FRAME_OPEN, 0, 0, 1, FRAME_MAX_DATA, "too long"},
            {UINT32_MAX, FRAME_DATA, 0, 0, 1, UINT32_MAX, "too long"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint8_t head[FRAME_HEAD] = {(uint8_t)(bad[i].length >> 24),
                                    (uint8_t)(bad[i].length >> 16),
                                    (uint8_t)(bad[i].length >> 8),
                                    (uint8_t)bad[i].length,
                                    bad[i].type,
                                    bad[i].flags,
                                    0,
                                    bad[i].reserved,
                                    0,
                                    0,
                                    0,
                                    (uint8_t)bad[i].stream};
        struct str in = {(const char *)head, sizeof(head)};
        struct frame f;
        const char *why = "";

        if (frame_take(&in, bad[i].max_payload, &f, &why) != -EPROTO)
            fail_msg("row %zu was accepted", i);
        t_has(why, bad[i].why);
        assert_int_equal(in.n, sizeof(head));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_put_is_taken),
            cmocka_unit_test(a_frame_in_pieces_is_taken_once_it_is_whole),
            cmocka_unit_test(a_wrong_head_is_refused_before_its_payload_is_there),
    };

    return T_RUN(tests);
}
