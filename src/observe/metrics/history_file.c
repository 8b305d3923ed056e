/* SPDX-License-Identifier: Apache-2.0 */
/* history_file.c - a day's file of the history; see history_file.h. */
#include "observe/metrics/history_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/io.h"

#define MARK   "EVH1"
#define SUFFIX ".history"

#define DAY_MS 86400000ll

static void put_u32(struct buf *out, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        buf_addc(out, (char)(v >> (8 * i) & 0xff));
}

static uint64_t get(const char *p, int bytes)
{
    uint64_t v = 0;

    for (int i = bytes; i-- > 0;)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

void history_put_row(struct buf *rows, uint64_t id, const struct span *s)
{
    put_u32(rows, (uint32_t)id);
    put_u32(rows, (uint32_t)(id >> 32));
    span_encode(s, rows);
}

void history_put_frame(struct buf *out, int64_t minute, uint32_t nrows, struct str rows,
                       const struct span *sum)
{
    cleanup_with(buf_done) struct buf payload;

    buf_init(&payload, HISTORY_FRAME_MAX);
    varint_put(&payload, (uint64_t)minute);
    varint_put(&payload, nrows + 1);
    history_put_row(&payload, 0, sum);
    buf_adds(&payload, rows);
    if (!buf_ok(&payload))
        return;
    buf_addz(out, MARK);
    put_u32(out, (uint32_t)payload.n);
    put_u32(out, crc32c(0, payload.p, payload.n));
    buf_adds(out, buf_str(&payload));
}

/* Bytes of the frame that begins here, or 0. */
static size_t whole_frame(struct str s)
{
    uint64_t n;

    if (s.n < HISTORY_HEAD || memcmp(s.p, MARK, 4) != 0)
        return 0;
    n = get(s.p + 4, 4);
    if (n > s.n - HISTORY_HEAD || crc32c(0, s.p + HISTORY_HEAD, n) != get(s.p + 8, 4))
        return 0;
    return HISTORY_HEAD + n;
}

bool history_next_frame(struct str *rest, struct history_frame *ret, uint64_t *lost)
{
    while (rest->n > 0) {
        size_t n = whole_frame(*rest);
        struct str payload = {rest->p + HISTORY_HEAD, n - HISTORY_HEAD};
        uint64_t minute;
        ptrdiff_t next;

        if (n > 0) {
            ret->whole = (struct str){rest->p, n};
            *rest = str_from(*rest, n);
            if (varint_take(&payload, &minute) && varint_take(&payload, &ret->nrows) &&
                minute <= INT64_MAX) {
                ret->minute = (int64_t)minute;
                ret->rows = payload;
                return true;
            }
            *lost += n;
            continue;
        }
        next = str_find(str_from(*rest, 1), S(MARK));
        n = next < 0 ? rest->n : (size_t)next + 1;
        *lost += n;
        *rest = str_from(*rest, n);
    }
    return false;
}

bool history_next_row(struct history_frame *f, uint64_t *ret_id, struct span *ret)
{
    if (f->nrows == 0 || f->rows.n < 8)
        return false;
    *ret_id = get(f->rows.p, 8);
    f->rows = str_from(f->rows, 8);
    f->nrows--;
    return span_decode(&f->rows, ret);
}

void history_name(int64_t day, char out[HISTORY_NAME])
{
    char iso[CLOCK_TEXT];

    (void)snprintf(out, HISTORY_NAME, "%.10s" SUFFIX, clock_iso(day * DAY_MS, iso));
}

bool history_day(const char *name, int64_t *ret_day)
{
    struct str s = str_of(name);
    char compact[17], again[HISTORY_NAME];
    int64_t ms;

    if (s.n != 10 + sizeof(SUFFIX) - 1 || !str_ends(s, S(SUFFIX)))
        return false;
    (void)snprintf(compact, sizeof(compact), "%.4s%.2sT000000Z", name, name + 5);
    (void)snprintf(compact + 6, sizeof(compact) - 6, "%.2sT000000Z", name + 8);
    if (clock_parse_compact(str_of(compact), &ms) < 0)
        return false;
    *ret_day = ms / DAY_MS;
    history_name(*ret_day, again);
    return strcmp(name, again) == 0;
}

int history_read(int dir, int64_t day, uint64_t limit, struct buf *out)
{
    cleanup_close int fd = -EBADF;
    char name[HISTORY_NAME];
    struct stat st;
    char *room;
    ssize_t n;

    history_name(day, name);
    fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if ((uint64_t)st.st_size < limit)
        limit = (uint64_t)st.st_size;
    if (limit == 0)
        return 0;
    room = buf_room(out, limit);
    if (!room)
        return -EFBIG;
    n = io_read_full(fd, room, limit);
    if (n < 0)
        return (int)n;
    buf_grew(out, (size_t)n);
    return 0;
}

int history_append(int dir, int64_t day, struct str frames, uint64_t *ret_size)
{
    cleanup_close int fd = -EBADF;
    char name[HISTORY_NAME];
    struct stat st;
    int r;

    history_name(day, name);
    fd = openat(dir, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    r = io_write_all(fd, frames.p, frames.n);
    if (r == 0 && fdatasync(fd) < 0)
        r = -errno;
    if (r < 0) {
        (void)ftruncate(fd, st.st_size); /* what cannot be cut off is skipped by its checksum */
        return r;
    }
    *ret_size = (uint64_t)st.st_size + frames.n;
    return 0;
}
