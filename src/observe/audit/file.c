/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file.c - segments: append, cut a torn end, walk.
 *
 * A crash can leave the last line half written, and only that one: whatever was acknowledged had
 * been through fdatasync. A line that is whole and does not fit its checksum is damage; it stays
 * where it is, for whoever looks into it, and readers pass over it and say so.
 *
 * After a failed fdatasync(2) nobody knows what is on disk, and asking again may say "all of it"
 * (the kernel forgets). So a segment whose write failed is cut back and never written again.
 */
#include "observe/audit/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"

enum { CRC_TEXT = 8, READ_MAX = AUDIT_SEGMENT + (4 << 20) };

void audit_line(struct str json, struct buf *out)
{
    buf_addf(out, "%08" PRIx32 " ", crc32c(0, json.p, json.n));
    buf_adds(out, json);
    buf_addc(out, '\n');
}

/* {"sequence":N,"time_ms":N, ... : as audit.c writes it, and no other way. */
static bool take_number(struct str *rest, struct str key, uint64_t *ret)
{
    struct str digits;

    if (!str_starts(*rest, key))
        return false;
    *rest = str_from(*rest, key.n);
    digits = str_cut(rest, ',');
    return rest->p && str_u64(digits, 0, INT64_MAX, ret) == 0;
}

static bool understand(struct str line, struct audit_item *ret)
{
    struct str json = str_from(line, CRC_TEXT + 1), rest = json;
    uint64_t time_ms;
    char crc[CRC_TEXT + 1];

    if (line.n <= CRC_TEXT + 1 || line.n > AUDIT_LINE || line.p[CRC_TEXT] != ' ')
        return false;
    (void)snprintf(crc, sizeof(crc), "%08" PRIx32, crc32c(0, json.p, json.n));
    if (memcmp(crc, line.p, CRC_TEXT) != 0 ||
        !take_number(&rest, S("{\"sequence\":"), &ret->sequence) ||
        !take_number(&rest, S("\"time_ms\":"), &time_ms))
        return false;
    ret->time_ms = (int64_t)time_ms;
    ret->json = json;
    return true;
}

int audit_next(struct str *rest, struct audit_item *ret)
{
    const char *end = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;
    struct str line;

    if (!end)
        return 0;
    line = (struct str){rest->p, (size_t)(end - rest->p)};
    *rest = str_from(*rest, line.n + 1);
    return understand(line, ret) ? 1 : -EBADMSG;
}

void audit_name(uint64_t first, char out[AUDIT_NAME])
{
    (void)snprintf(out, AUDIT_NAME, "%020" PRIu64 ".log", first);
}

static bool is_segment(const char *name, uint64_t *ret_first)
{
    struct str s = str_of(name);

    return s.n == 24 && str_ends(s, S(".log")) &&
           str_u64((struct str){s.p, 20}, 1, INT64_MAX, ret_first) == 0;
}

static int by_first(const void *a, const void *b)
{
    const struct audit_segment *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

static int list_segments(int dir, struct audit_segment *segments, uint32_t *ret_n, struct err *e)
{
    DIR *d = io_open_dir(dir, ".");
    uint32_t n = 0;

    if (!d)
        return err_sys(e, "list the audit trail");
    for (struct dirent *it = readdir(d); it; it = readdir(d)) {
        struct audit_segment s = {0};
        struct stat st;

        if (!is_segment(it->d_name, &s.first) ||
            fstatat(dir, it->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
            continue;
        if (n == AUDIT_SEGMENTS) {
            (void)closedir(d);
            return err_set(e, ERR_HOST, -E2BIG, "more than %d segments", AUDIT_SEGMENTS);
        }
        s.bytes = (uint64_t)st.st_size;
        segments[n++] = s;
    }
    (void)closedir(d);
    qsort(segments, n, sizeof(*segments), by_first);
    *ret_n = n;
    return 0;
}

/* The time of its first record; a segment that does not tell is as old as the one before. */
static int64_t first_time(int dir, const struct audit_segment *s, int64_t before)
{
    char name[AUDIT_NAME], text[AUDIT_LINE];
    struct audit_item item;
    struct str rest;
    ssize_t n;

    audit_name(s->first, name);
    cleanup_close int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    n = fd < 0 ? 0 : io_read_full(fd, text, sizeof(text));
    rest = (struct str){text, n > 0 ? (size_t)n : 0};
    return audit_next(&rest, &item) == 1 ? item.time_ms : before;
}

/* Where its last whole line ends. */
static int mend(int dir, struct audit_segment *s, uint64_t *ret_next, uint32_t *ret_damaged,
                struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    char name[AUDIT_NAME];
    struct audit_item item;
    struct str rest;
    int r;

    buf_init(&text, READ_MAX);
    audit_name(s->first, name);
    r = io_read_file(dir, name, &text, e);
    if (r < 0)
        return r;
    *ret_next = s->first;
    for (rest = buf_str(&text); (r = audit_next(&rest, &item)) != 0;)
        if (r == 1)
            *ret_next = item.sequence + 1;
        else
            ++*ret_damaged;
    if (rest.n == 0)
        return 0;
    cleanup_close int fd = openat(dir, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    s->bytes = text.n - rest.n;
    if (fd < 0 || ftruncate(fd, (off_t)s->bytes) < 0 || fdatasync(fd) < 0)
        return err_sys(e, "cut the torn end of '%s'", name);
    return 0;
}

int audit_scan(int dir, struct audit_segment *segments, uint32_t *ret_n, uint64_t *ret_next,
               uint32_t *ret_damaged, struct err *e)
{
    int64_t before = 0;
    uint32_t n = 0;
    int r = list_segments(dir, segments, &n, e);

    *ret_next = 1;
    *ret_damaged = 0;
    if (r == 0 && n > 0)
        r = mend(dir, &segments[n - 1], ret_next, ret_damaged, e);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < n; i++)
        before = segments[i].first_ms = first_time(dir, &segments[i], before);
    *ret_n = n;
    return 0;
}

/* A segment of this name holds nothing but what could not be written before. */
int audit_begin(struct audit_writer *w, uint64_t first)
{
    char name[AUDIT_NAME];

    audit_name(first, name);
    w->fd = openat(w->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                   0600);
    w->bytes = 0;
    if (w->fd < 0)
        return -errno;
    return fsync(w->dir) < 0 ? -errno : 0;
}

int audit_append(struct audit_writer *w, uint64_t first, struct str lines)
{
    int r = 0;

    if (w->fd < 0)
        r = audit_begin(w, first);
    if (r == 0)
        r = io_write_all(w->fd, lines.p, lines.n);
    if (r == 0 && fdatasync(w->fd) < 0)
        r = -errno;
    if (r == 0) {
        w->bytes += lines.n;
        return 0;
    }
    if (w->fd >= 0)
        (void)ftruncate(w->fd, (off_t)w->bytes);
    w->fd = fd_close(w->fd);
    return r;
}
