/* SPDX-License-Identifier: Apache-2.0 */
/*
 * frame.h - the wire between the daemon and a worker inside a sandbox, version 1.
 *
 *   u32 length of the payload, big endian | u8 type | u8 flags | u16 zero | u32 stream | payload
 *
 * Stream 0 is the instance itself; a host opens streams 1, 2, 3, ... and never reuses one. A
 * payload of an event or an answer is raw bytes in DATA frames; what describes it is JSON in OPEN,
 * ASSIGN, READY and END. Either side sends at most `credit` DATA bytes per stream and direction:
 * FRAME_WINDOW to start, more by CREDIT frames of the receiver. Other frames need no credit.
 *
 * docs/protocol/frames.md
 */
#ifndef EVOKE_FRAME_FRAME_H
#define EVOKE_FRAME_FRAME_H

#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

enum frame_type {
    FRAME_READY = 1, /* worker: stream 0. First: {"version":1} (booted). After ASSIGN: initialised,
                        or failed with FRAME_F_ERROR and the error result as payload */
    FRAME_ASSIGN,    /* host: stream 0, JSON: the function this instance is for. Once */
    FRAME_OPEN,      /* host: begins a stream, JSON: one invocation */
    FRAME_DATA,      /* both: payload bytes, at most FRAME_MAX_DATA */
    FRAME_END, /* both: this side's bytes are complete. Worker: FRAME_F_ERROR = the data is an error
                  result; payload is JSON {"peak_bytes":N,"cpu_us":N,"handled":bool} or empty */
    FRAME_CREDIT,    /* both: u32 big endian, more bytes may be sent */
    FRAME_RESET,     /* both: give the stream up. Host: stop working on it if you can */
    FRAME_LOG,       /* worker: text of the function's log, whole lines or parts; stream 0 while
                     initialising */
    FRAME_HTTP_HEAD, /* worker: JSON, status and headers of an HTTP handler's answer, once, before
                        its first DATA */
    FRAME_TYPES,
};

enum {
    FRAME_HEAD = 12,
    FRAME_MAX_DATA = 65536, /* payload of any frame but ASSIGN, OPEN and HEAD */
    FRAME_MAX_HTTP_HEAD = 16 * 1024,
    FRAME_MAX_META = 1 << 20,  /* payload of ASSIGN and OPEN (host to worker only) */
    FRAME_WINDOW = 256 * 1024, /* DATA bytes either side may send before the first CREDIT */

    FRAME_F_ERROR = 1,
};

struct frame {
    uint8_t type, flags;
    uint32_t stream;
    struct str payload; /* borrowed from the input */
};

/*
 * Take one frame from the front of *in. Returns 1 and fills ret, 0 when more bytes are needed (*in
 * untouched), or -EPROTO: unknown type or flag, reserved bits, payload over max_payload, wrong
 * payload size for CREDIT, stream 0 where a stream is needed or the reverse. *ret_why is then a
 * sentence.
 */
int frame_take(struct str *in, uint32_t max_payload, struct frame *ret, const char **ret_why);

/* Append one frame; the payload must be within its limit (asserted). */
void frame_put(struct buf *out, enum frame_type type, uint8_t flags, uint32_t stream,
               struct str payload);
void frame_put_credit(struct buf *out, uint32_t stream, uint32_t bytes);
uint32_t frame_credit(const struct frame *f); /* of a CREDIT frame */
/* Head only, for a payload written separately. */
void frame_head(uint8_t head[FRAME_HEAD], enum frame_type type, uint8_t flags, uint32_t stream,
                uint32_t length);

#endif
