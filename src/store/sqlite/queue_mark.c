/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue_mark.c - two slots, written in turns.
 *
 * Each slot is a sector with a checksum over all of it, and a turn that grows with every write. A
 * write goes to the slot that is older, so whatever happens to it the other one stays: the mark is
 * then one commit behind, never ahead. Both are whole at any time, a sector being written whole or
 * not at all; one that is not was damaged.
 *
 * The file is made beside and renamed, so there is no half-made one after a power cut.
 *
 * Shape of a slot, little endian: u32 magic | u32 flags | u64 turn, commit, next_seq, copied |
 * zeros | u32 crc32c of all before it.
 */
#include "store/sqlite/queue_mark.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"

enum { SLOT = 512, SLOTS = 2, MAGIC = 0x6b6d7665 /* "evmk" */, COPYING = 1, DAMAGED = 2 };

struct slot {
    uint32_t magic, flags;
    uint64_t turn, commit, next_seq, copied;
    uint8_t zero[SLOT - 44];
    uint32_t crc;
};

/* `packed` would make every member of it slow: the layout has no holes as it is. */
_Static_assert(sizeof(struct slot) == SLOT, "a slot is a sector");

struct queue_mark {
    int fd;
    uint64_t turn; /* of the last write */
    uint64_t errors;
    struct mark_point at;
};

static void encode(const struct mark_point *p, uint64_t turn, struct slot *s)
{
    *s = (struct slot){
            .magic = htole32(MAGIC),
            .flags = htole32((p->copying ? COPYING : 0) | (p->damaged ? DAMAGED : 0)),
            .turn = htole64(turn),
            .commit = htole64(p->commit),
            .next_seq = htole64(p->next_seq),
            .copied = htole64(p->copied),
    };
    s->crc = htole32(crc32c(0, s, SLOT - sizeof(s->crc)));
}

static bool decode(const struct slot *s, struct mark_point *p, uint64_t *ret_turn)
{
    uint32_t flags = le32toh(s->flags);

    if (le32toh(s->magic) != MAGIC || le32toh(s->crc) != crc32c(0, s, SLOT - sizeof(s->crc)))
        return false;
    *ret_turn = le64toh(s->turn);
    *p = (struct mark_point){
            .commit = le64toh(s->commit),
            .next_seq = le64toh(s->next_seq),
            .copied = le64toh(s->copied),
            .copying = flags & COPYING,
            .damaged = flags & DAMAGED,
    };
    return true;
}

/* To the slot whose turn it is. */
static int put(struct queue_mark *m)
{
    struct slot s;
    ssize_t n;

    encode(&m->at, m->turn + 1, &s);
    n = pwrite(m->fd, &s, SLOT, (off_t)((m->turn + 1) % SLOTS) * SLOT);
    if (n != SLOT)
        return n < 0 ? -errno : -EIO;
    m->turn++;
    return 0;
}

static void note(struct queue_mark *m, int r)
{
    if (r < 0)
        m->errors++;
}

static int create(const char *path, struct err *e)
{
    struct slot slots[SLOTS];

    for (uint64_t i = 0; i < SLOTS; i++)
        encode(&(struct mark_point){0}, i, &slots[i]);
    return io_write_file(AT_FDCWD, path, (struct str){(const char *)slots, sizeof(slots)}, 0600, e);
}

/* The newest slot into m. */
static enum mark_state read_slots(struct queue_mark *m)
{
    enum mark_state state = MARK_WHOLE;

    for (int i = 0; i < SLOTS; i++) {
        struct mark_point p;
        struct slot s;
        uint64_t turn;

        if (pread(m->fd, &s, SLOT, (off_t)i * SLOT) != SLOT || !decode(&s, &p, &turn)) {
            state = MARK_DAMAGED;
        } else if (turn >= m->turn) {
            m->turn = turn;
            m->at = p;
        }
    }
    if (lseek(m->fd, 0, SEEK_END) != (off_t)SLOT * SLOTS)
        state = MARK_DAMAGED;
    return state;
}

int queue_mark_open(const char *path, struct queue_mark **ret, enum mark_state *ret_state,
                    struct mark_point *ret_was, struct err *e)
{
    cleanup_free char *name = xasprintf("%s.mark", path);
    struct queue_mark *m;
    int fd, r;

    fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    *ret_state = fd < 0 ? MARK_NONE : MARK_WHOLE;
    if (fd < 0 && errno == ENOENT) {
        r = create(name, e);
        if (r < 0)
            return err_wrap(e, r, "mark '%s'", name);
        fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd < 0)
        return err_sys(e, "open mark '%s'", name);

    m = xnew(struct queue_mark);
    m->fd = fd;
    if (*ret_state == MARK_NONE)
        (void)read_slots(m);
    else
        *ret_state = read_slots(m);
    *ret_was = m->at;
    *ret = m;
    return 0;
}

int queue_mark_set(struct queue_mark *m, const struct mark_point *p, struct err *e)
{
    int r = 0;

    m->at = *p;
    for (int i = 0; i < SLOTS && r == 0; i++) /* both: what was before is of no use any more */
        r = put(m);
    if (r == 0 && (ftruncate(m->fd, (off_t)SLOT * SLOTS) < 0 || fsync(m->fd) < 0))
        r = -errno;
    return r < 0 ? err_set(e, ERR_HOST, r, "write the mark: %s", strerror(-r)) : 0;
}

void queue_mark_commit(struct queue_mark *m, uint64_t commit, uint64_t next_seq)
{
    m->at.commit = commit;
    m->at.next_seq = next_seq;
    note(m, put(m));
}

void queue_mark_copying(struct queue_mark *m)
{
    m->at.copying = true;
    note(m, put(m));
}

void queue_mark_copied(struct queue_mark *m)
{
    m->at.copied = m->at.commit;
    m->at.copying = false;
    note(m, put(m));
    note(m, fsync(m->fd));
}

void queue_mark_damaged(struct queue_mark *m)
{
    if (m->at.damaged)
        return;
    m->at.damaged = true;
    note(m, put(m));
    note(m, fsync(m->fd));
}

uint64_t queue_mark_errors(const struct queue_mark *m)
{
    return m->errors;
}

struct queue_mark *queue_mark_close(struct queue_mark *m)
{
    if (!m)
        return NULL;
    (void)fsync(m->fd);
    close(m->fd);
    free(m);
    return NULL;
}
