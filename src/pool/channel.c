/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel.c - one worker's socket: frames in, frames out, and nothing of what they mean.
 *
 * Waking the other process is what costs, so frames are collected and written once at the end of
 * the loop's turn (loop_defer). An idle channel holds no buffer: input is parsed where it was read,
 * on the stack, and only the beginning of an incomplete frame is kept.
 *
 * What always holds:
 *   (1) out holds whole frames but for the part already written from its front.
 *   (2) after on_end no callback comes any more; after channel_free neither.
 *   (3) a socket is read at the end of a turn, after all callbacks of descriptors.
 *   (4) at most PER_TURN bytes are taken in before other sources get their turn.
 *
 * Who bounds `out`: stream_feed() stops at FEED_MARK, credits and heads are small, and ASSIGN and
 * OPEN (1 MiB at most) go one at a time. OUT_MAX is above all that; running into it is our bug.
 *
 * A failing write is not reported by itself: what the worker said before it closed is still to be
 * read, and the end of it is the report.
 */
#include "pool/channel.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/obj.h"
#include "loop/loop.h"

enum {
    CHANNEL_MAGIC = 0x4348414e,
    READ_SIZE = 128 * 1024,
    PER_TURN = 512 * 1024,
    REST_MAX = 16 << 20, /* more than a socket holds */
    FEED_MARK = 256 * 1024,
    GRANT_FROM = FRAME_WINDOW / 4, /* small answers need no CREDIT at all */
    KEEP_BYTES = 16 * 1024,        /* memory an empty buffer may keep */
    IN_MAX = FRAME_HEAD + FRAME_MAX_DATA + READ_SIZE,
    OUT_MAX = 4 << 20,
};

struct channel {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    const struct channel_ops *ops;
    void *user; /* borrowed */
    int fd;     /* owned */
    struct loop_io *io;
    struct buf in, out;
    uint64_t write_ns;
    size_t out_at;    /* written from the front of out */
    bool deferred;    /* on_turn will come */
    bool readable;    /* and there is something to read */
    bool first;       /* the frame being handed out is the first of a turn */
    uint64_t batch;   /* counts reads */
    bool in_callback; /* reading: the memory must stay until it is over */
    bool dead;        /* freed by its owner */
    bool ended, mute; /* on_end was called; writing failed */
    bool rest;        /* the peer is dead: read all that is left */
    bool paused;      /* not read, */
    bool looking;     /* but for now */
};

static void destroy(struct channel *ch)
{
    buf_done(&ch->in);
    buf_done(&ch->out);
    ch->magic = 0;
    free(ch);
}

static void relax(struct buf *b)
{
    if (b->cap > KEEP_BYTES) {
        size_t max = b->max;

        buf_done(b);
        buf_init(b, max);
    } else {
        buf_reset(b);
    }
}

static void want(struct channel *ch)
{
    loop_io_want(ch->io, (ch->ended || ch->paused ? 0u : LOOP_READ) |
                                 (channel_pending(ch) ? LOOP_WRITE : 0u));
}

static void end(struct channel *ch, const char *why)
{
    ch->ended = true;
    ch->ops->on_end(ch->user, why);
}

static void flush(struct channel *ch)
{
    bool wrote = false;

    while (channel_pending(ch) > 0) {
        ssize_t n;

        ch->write_ns = clock_mono_ns();
        n = send(ch->fd, ch->out.p + ch->out_at, ch->out.n - ch->out_at,
                 MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            ch->mute = true;
            relax(&ch->out);
            ch->out_at = 0;
            wrote = false;
            break;
        }
        ch->out_at += (size_t)n;
        wrote = true;
    }
    if (channel_pending(ch) == 0 && ch->out.n > 0) {
        relax(&ch->out);
        ch->out_at = 0;
    } else if (ch->out_at > 0 && ch->out_at >= channel_pending(ch)) {
        buf_drop(&ch->out, ch->out_at);
        ch->out_at = 0;
    }
    want(ch);
    if (wrote && channel_pending(ch) == 0 && !ch->ended)
        ch->ops->on_sent(ch->user);
}

/* Hand out whole frames from the front of *in. False when there is nothing more to hand out to. */
static bool hand_out(struct channel *ch, struct str *in)
{
    for (;;) {
        struct frame f;
        const char *why;
        int r = frame_take(in, FRAME_MAX_DATA, &f, &why);

        if (r == 0)
            return true;
        if (r < 0) {
            end(ch, why);
            return false;
        }
        ch->ops->on_frame(ch->user, &f);
        if (ch->dead)
            return false;
        ch->first = false;
    }
}

static bool take_in(struct channel *ch, struct str bytes)
{
    struct str all = bytes;

    if (ch->in.n > 0) {
        buf_adds(&ch->in, bytes);
        assert(buf_ok(&ch->in));
        all = buf_str(&ch->in);
    }
    if (!hand_out(ch, &all))
        return false;

    if (ch->in.n > 0 && all.n > 0)
        buf_drop(&ch->in, ch->in.n - all.n);
    else if (ch->in.n > 0)
        relax(&ch->in);
    else
        buf_adds(&ch->in, all);
    return true;
}

static void read_frames(struct channel *ch)
{
    char bytes[READ_SIZE];

    ch->first = true;
    for (size_t total = 0; total < (ch->rest ? REST_MAX : PER_TURN);) {
        ssize_t n = recv(ch->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            end(ch, ch->in.n > 0 ? "the stream ended inside a frame" : NULL);
            return;
        }
        ch->batch++;
        if (!take_in(ch, (struct str){bytes, (size_t)n}))
            return;
        ch->first = false;
        if ((size_t)n < sizeof(bytes) && !ch->rest)
            return; /* saves the read that would say EAGAIN */
        if (ch->paused && !ch->rest && !ch->looking)
            return;
        total += (size_t)n;
    }
}

static void leave_callback(struct channel *ch)
{
    ch->in_callback = false;
    if (ch->dead && !ch->deferred)
        destroy(ch);
}

/* Not read at once: the other descriptors of this turn go first, so that what a worker printed
 * before it answered is heard before the answer. */
static void on_socket(void *user, unsigned ready)
{
    struct channel *ch = OBJ(user, struct channel, CHANNEL_MAGIC);

    if (ready & LOOP_READ) {
        ch->readable = true;
        channel_wake(ch);
    }
    if (ready & LOOP_WRITE) {
        ch->in_callback = true;
        flush(ch);
        leave_callback(ch);
    }
}

void channel_read_rest(struct channel *ch)
{
    assert(!ch->in_callback);
    ch->rest = true;
    ch->in_callback = true;
    read_frames(ch);
    if (!ch->dead)
        want(ch);
    leave_callback(ch);
}

void channel_pause(struct channel *ch, bool paused)
{
    ch->paused = paused;
    if (!ch->dead)
        want(ch);
}

void channel_look(struct channel *ch)
{
    assert(!ch->in_callback);
    ch->in_callback = ch->looking = true;
    if (!ch->ended)
        read_frames(ch);
    ch->looking = false;
    leave_callback(ch);
}

static void on_turn(void *user)
{
    struct channel *ch = OBJ(user, struct channel, CHANNEL_MAGIC);

    ch->in_callback = true;
    if (!ch->dead && !ch->ended && ch->readable) {
        ch->readable = false;
        if (!ch->paused)
            read_frames(ch);
    }
    if (!ch->dead && !ch->ended)
        ch->ops->on_flush(ch->user); /* what it puts goes out right below */
    ch->deferred = false;
    if (!ch->dead)
        flush(ch);
    leave_callback(ch);
}

struct channel *channel_new(struct loop *l, int fd, const struct channel_ops *ops, void *user)
{
    struct channel *ch = xnew(struct channel);

    ch->magic = CHANNEL_MAGIC;
    ch->loop = l;
    ch->fd = fd;
    ch->ops = ops;
    ch->user = user;
    buf_init(&ch->in, IN_MAX);
    buf_init(&ch->out, OUT_MAX);
    ch->io = loop_io_new(l, fd, on_socket, ch);
    want(ch);
    return ch;
}

struct channel *channel_free(struct channel *ch)
{
    if (!ch)
        return NULL;
    assert(ch->magic == CHANNEL_MAGIC && !ch->dead);
    ch->io = loop_io_free(ch->io);
    ch->fd = fd_close(ch->fd);
    ch->dead = true;
    if (!ch->in_callback && !ch->deferred)
        destroy(ch);
    return NULL;
}

uint64_t channel_write_ns(const struct channel *ch)
{
    return ch->write_ns;
}

bool channel_first(const struct channel *ch)
{
    return ch->first;
}

uint64_t channel_batch(const struct channel *ch)
{
    return ch->batch;
}

size_t channel_pending(const struct channel *ch)
{
    return ch->out.n - ch->out_at;
}

void channel_wake(struct channel *ch)
{
    if (ch->deferred)
        return;
    ch->deferred = true;
    loop_defer(ch->loop, on_turn, ch);
}

static void put_done(struct channel *ch)
{
    assert(buf_ok(&ch->out));
    if (ch->mute) {
        relax(&ch->out);
        ch->out_at = 0;
    } else {
        channel_wake(ch);
    }
}

void channel_put(struct channel *ch, enum frame_type type, uint8_t flags, uint32_t stream,
                 struct str payload)
{
    frame_put(&ch->out, type, flags, stream, payload);
    put_done(ch);
}

void channel_put_credit(struct channel *ch, uint32_t stream, uint32_t bytes)
{
    frame_put_credit(&ch->out, stream, bytes);
    put_done(ch);
}

void stream_open(struct stream *s, struct channel *ch, uint32_t id, struct str meta,
                 struct str payload)
{
    *s = (struct stream){
            .id = id, .rest = payload, .send_left = FRAME_WINDOW, .receive_left = FRAME_WINDOW};
    channel_put(ch, FRAME_OPEN, 0, id, meta);
    stream_feed(s, ch);
}

void stream_feed(struct stream *s, struct channel *ch)
{
    while (s->rest.n > 0 && s->send_left > 0 && channel_pending(ch) < FEED_MARK) {
        size_t n = s->rest.n;

        if (n > FRAME_MAX_DATA)
            n = FRAME_MAX_DATA;
        if (n > s->send_left)
            n = s->send_left;
        channel_put(ch, FRAME_DATA, 0, s->id, (struct str){s->rest.p, n});
        s->rest = str_from(s->rest, n);
        s->send_left -= (uint32_t)n;
    }
    if (s->rest.n == 0 && !s->end_queued) {
        s->end_queued = true;
        channel_put(ch, FRAME_END, 0, s->id, STR_NONE);
    }
}

const char *stream_credit(struct stream *s, struct channel *ch, uint32_t bytes)
{
    if (bytes > INT32_MAX || s->send_left + bytes > INT32_MAX)
        return "more credit than a stream can hold";
    s->send_left += bytes;
    if (!s->end_queued)
        stream_feed(s, ch);
    return NULL;
}

const char *stream_data(struct stream *s, struct channel *ch, size_t bytes)
{
    if (bytes > s->receive_left)
        return "DATA beyond its credit";
    s->receive_left -= (uint32_t)bytes;
    s->received += bytes;
    s->owed += (uint32_t)bytes;
    if (s->owed >= GRANT_FROM)
        channel_wake(ch);
    return NULL;
}

void stream_grant(struct stream *s, struct channel *ch)
{
    if (s->owed < GRANT_FROM)
        return;
    channel_put_credit(ch, s->id, s->owed);
    s->receive_left += s->owed;
    s->owed = 0;
}
