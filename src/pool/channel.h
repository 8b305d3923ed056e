/* SPDX-License-Identifier: Apache-2.0 */
/* channel.h - frames to and from one worker over its socket; and the credit of one stream on it. */
#ifndef EVOKE_POOL_CHANNEL_H
#define EVOKE_POOL_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "frame/frame.h"

struct channel; /* opaque */
struct loop;

struct channel_ops {
    /* The payload is valid during the call. */
    void (*on_frame)(void *user, const struct frame *f);
    /* What was put in this turn is about to be written: more may be put. */
    void (*on_flush)(void *user);
    /* Everything put so far has been handed to the socket. */
    void (*on_sent)(void *user);
    /* No more frames. why: the worker broke the protocol; NULL: the socket was closed. */
    void (*on_end)(void *user, const char *why);
};

/* fd is taken. channel_free() is allowed inside any callback. */
struct channel *channel_new(struct loop *l, int fd, const struct channel_ops *ops, void *user);
struct channel *channel_free(struct channel *ch);
/* Queued; everything put in one turn of the loop is written together at its end. */
void channel_put(struct channel *ch, enum frame_type type, uint8_t flags, uint32_t stream,
                 struct str payload);
void channel_put_credit(struct channel *ch, uint32_t stream, uint32_t bytes);
void channel_wake(struct channel *ch); /* on_flush at the end of this turn */
/* The worker is known to be dead: hand out what it had still sent, then on_end. Not from inside a
 * callback of this channel. */
void channel_read_rest(struct channel *ch);
/* Its frames wait in the socket, and the worker with them. */
void channel_pause(struct channel *ch, bool paused);
/* What is in the socket now is handed out, paused or not. Not from inside a callback. */
void channel_look(struct channel *ch);
/* When the last write began: the woken worker may run before write(2) even returns. */
uint64_t channel_write_ns(const struct channel *ch);
/* Inside on_frame: this frame was, at least in part, in the socket when the turn began. Whatever its
 * sender wrote elsewhere before it has been told by the loop already. */
bool channel_first(const struct channel *ch);
uint64_t channel_batch(const struct channel *ch); /* inside on_frame: the read it came with */
size_t channel_pending(const struct channel *ch); /* bytes queued and not yet written */

/* One invocation on a channel: what is left to send, and how much either side may. */
struct stream {
    uint32_t id;
    struct str rest;       /* payload not queued yet; borrowed */
    uint32_t send_left;    /* bytes the worker lets us send */
    uint32_t receive_left; /* bytes we let the worker send */
    uint32_t owed;         /* bytes taken in and not yet credited */
    uint64_t received;
    bool end_queued; /* our END */
};

void stream_open(struct stream *s, struct channel *ch, uint32_t id, struct str meta,
                 struct str payload);
/* Queue more of the payload, as far as credit and the channel's room go. */
void stream_feed(struct stream *s, struct channel *ch);
/* What the worker sent; NULL, or what is wrong with it. */
const char *stream_credit(struct stream *s, struct channel *ch, uint32_t bytes);
const char *stream_data(struct stream *s, struct channel *ch, size_t bytes);
/* In on_flush: grant what was taken in. Not sooner: what arrives in this turn was sent without it.
 */
void stream_grant(struct stream *s, struct channel *ch);

#endif
