/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.c - the segment of a function that is written to.
 *
 * A segment is a head of 64 bytes and records. Its head says how many records, lines and bytes of
 * text the function's log had before it, so whoever comes late can tell exactly what is gone.
 * Records are appended in one pwritev(2) and believed only if they are whole; a write that failed
 * half way is taken back, and one that a crash cut short is cut off when the file is opened again.
 */
#include "observe/logs/segment.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"

static const char MAGIC[8] = {'E', 'V', 'L', 'O', 'G', 'S', 'E', '1'};

enum { PATH_TEXT = SEG_DIR_TEXT + SEG_NAME_TEXT + 8, IOV_AT_ONCE = 512 };

void seg_dir_name(struct str function, char out[SEG_DIR_TEXT])
{
    char hex[SHA256_HEX];

    sha256_hex(function, hex);
    memcpy(out, hex, SEG_DIR_TEXT - 1);
    out[SEG_DIR_TEXT - 1] = '\0';
}

void seg_file_name(uint64_t first_seq, const char *suffix, char out[SEG_NAME_TEXT])
{
    (void)snprintf(out, SEG_NAME_TEXT, "%016llx%s", (unsigned long long)first_seq, suffix);
}

static void path_of(const char *dir, uint64_t first_seq, char out[PATH_TEXT])
{
    char name[SEG_NAME_TEXT];

    seg_file_name(first_seq, ".log", name);
    (void)snprintf(out, PATH_TEXT, "%s/%s", dir, name);
}

static void head_put(char out[SEG_HEAD], const struct seg_head *h)
{
    const uint64_t words[] = {h->first_seq, h->base.records, h->base.lines, h->base.bytes,
                              (uint64_t)h->created_ms};
    uint32_t crc;

    memset(out, 0, SEG_HEAD);
    memcpy(out, MAGIC, sizeof(MAGIC));
    for (size_t i = 0; i < 5; i++) {
        uint64_t v = htole64(words[i]);

        memcpy(out + 8 + 8 * i, &v, 8);
    }
    crc = htole32(crc32c(0, out, SEG_HEAD - 4));
    memcpy(out + SEG_HEAD - 4, &crc, 4);
}

static int head_get(const char in[SEG_HEAD], struct seg_head *ret)
{
    uint64_t words[5];
    uint32_t crc;

    memcpy(&crc, in + SEG_HEAD - 4, 4);
    if (memcmp(in, MAGIC, 8) != 0 || le32toh(crc) != crc32c(0, in, SEG_HEAD - 4))
        return -EBADMSG;
    for (size_t i = 0; i < 5; i++) {
        memcpy(&words[i], in + 8 + 8 * i, 8);
        words[i] = le64toh(words[i]);
    }
    *ret = (struct seg_head){.first_seq = words[0],
                             .base = {words[1], words[2], words[3]},
                             .created_ms = (int64_t)words[4]};
    return 0;
}

/* ---- walking ---- */

int seg_reader_open(struct seg_reader *rd, int logs, const char *dir, uint64_t first_seq,
                    bool check)
{
    char path[PATH_TEXT], head[SEG_HEAD];
    ssize_t n;
    int r;

    memset(rd, 0, sizeof(*rd));
    rd->check = check;
    path_of(dir, first_seq, path);
    rd->fd = openat(logs, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (rd->fd < 0)
        return -errno;
    n = pread(rd->fd, head, sizeof(head), 0);
    r = n < 0 ? -errno : n < SEG_HEAD ? -EBADMSG : head_get(head, &rd->head);
    if (r < 0) {
        rd->fd = fd_close(rd->fd);
        return r;
    }
    rd->at = SEG_HEAD;
    rd->buf = malloc(SEG_WINDOW);
    return rd->buf ? 0 : (seg_reader_done(rd), -ENOMEM);
}

void seg_reader_done(struct seg_reader *rd)
{
    rd->fd = fd_close(rd->fd);
    free(rd->buf);
    rd->buf = NULL;
}

/* A whole record fits between pos and n afterwards, or the file ends there. */
static int fill(struct seg_reader *rd)
{
    assert(rd->buf);
    if (rd->n - rd->pos >= LOG_RECORD_MAX || rd->eof)
        return 0;
    memmove(rd->buf, rd->buf + rd->pos, rd->n - rd->pos);
    rd->at += rd->pos;
    rd->n -= rd->pos;
    rd->pos = 0;
    while (rd->n < SEG_WINDOW && !rd->eof) {
        ssize_t n = pread(rd->fd, rd->buf + rd->n, SEG_WINDOW - rd->n, (off_t)(rd->at + rd->n));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        rd->eof = n == 0;
        rd->n += (size_t)n;
    }
    return 0;
}

/* Of what lies here and is no record. A head that agrees with itself tells where its record ends:
 * what its function printed is not searched, for that may be records too, with a checksum. */
static size_t damaged_size(const struct seg_reader *rd)
{
    struct str rest = {rd->buf + rd->pos, rd->n - rd->pos};
    struct log_record r;
    int64_t size = log_record_get(rest, false, &r);

    return size > 0 ? (size_t)size : size == 0 ? rest.n : 1;
}

/* From a place that holds no record to the next one, or to the end. */
static int skip(struct seg_reader *rd, struct seg_place *place)
{
    uint64_t from = rd->at + rd->pos;
    int r;

    rd->pos += damaged_size(rd) - 1;
    for (;;) {
        struct str bytes = {rd->buf, rd->n};
        size_t found = log_record_find(bytes, rd->pos + 1);

        if (found < rd->n || rd->eof) {
            rd->pos = found;
            *place = (struct seg_place){(uint32_t)from, (uint32_t)(rd->at + rd->pos - from)};
            return found < rd->n ? SEG_HOLE : SEG_END;
        }
        /* one that begins in here may end beyond */
        rd->pos = rd->n - LOG_RECORD_MAX + 1 > rd->pos ? rd->n - LOG_RECORD_MAX + 1 : rd->pos + 1;
        r = fill(rd);
        if (r < 0)
            return r;
        rd->pos = rd->pos > 0 ? rd->pos - 1 : 0;
    }
}

int seg_reader_next(struct seg_reader *rd, struct log_record *ret, struct seg_place *ret_place)
{
    int64_t size;
    int r = fill(rd);

    if (r < 0)
        return r;
    if (rd->pos == rd->n) {
        *ret_place = (struct seg_place){(uint32_t)(rd->at + rd->pos), 0};
        return SEG_END;
    }
    size = log_record_get((struct str){rd->buf + rd->pos, rd->n - rd->pos}, rd->check, ret);
    if (size <= 0)
        return skip(rd, ret_place);
    *ret_place = (struct seg_place){(uint32_t)(rd->at + rd->pos), (uint32_t)size};
    rd->pos += (size_t)size;
    return SEG_RECORD;
}

int64_t seg_reader_at(struct seg_reader *rd, uint32_t offset, uint32_t size, struct log_record *ret)
{
    int64_t got;
    int r;

    if (offset < SEG_HEAD || size > LOG_RECORD_MAX)
        return -EBADMSG;
    if (offset < rd->at || offset + (uint64_t)size > rd->at + rd->n) {
        rd->at = offset;
        rd->pos = rd->n = 0;
        rd->eof = false;
        r = fill(rd);
        if (r < 0)
            return r;
    }
    if (offset + (uint64_t)size > rd->at + rd->n)
        return -EBADMSG;
    got = log_record_get((struct str){rd->buf + (offset - rd->at), size}, rd->check, ret);
    return got == size ? got : -EBADMSG;
}

/* ---- the newest ---- */

void segment_close(struct segment *seg)
{
    seg->fd = fd_close(seg->fd);
}

/* Its end, its sums; cut where nothing whole follows. */
static int measure(int logs, const char *dir, struct segment *seg, struct seg_mend *mend)
{
    struct seg_reader rd;
    struct seg_place place;
    struct log_record rec;
    char path[PATH_TEXT];
    int r = seg_reader_open(&rd, logs, dir, seg->first_seq, true);

    if (r < 0)
        return r;
    seg->created_ms = rd.head.created_ms;
    seg->sums = rd.head.base;
    while ((r = seg_reader_next(&rd, &rec, &place)) > SEG_END) {
        if (r == SEG_HOLE) {
            mend->damaged_bytes += place.size;
            continue;
        }
        seg->sums.records++;
        seg->sums.lines += rec.lines;
        seg->sums.bytes += rec.text.n;
        seg->last_seq = rec.seq;
    }
    seg_reader_done(&rd);
    if (r < 0)
        return r;
    seg->size = place.offset;
    mend->cut_bytes = place.size;
    if (place.size == 0)
        return 0;
    path_of(dir, seg->first_seq, path);
    seg->fd = openat(logs, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    return seg->fd < 0 || ftruncate(seg->fd, (off_t)seg->size) < 0 ? -errno : 0;
}

int segment_find(int logs, const char *dir, struct segment *seg, struct seg_mend *mend)
{
    struct seg_list list;
    struct seg_index ix;
    const struct seg_file *last;
    int r = seg_list_dir(logs, dir, &list);

    *mend = (struct seg_mend){0};
    *seg = (struct segment){.fd = -EBADF};
    if (r == -ENOENT)
        r = 0;
    last = r == 0 && list.n > 0 ? &list.files[list.n - 1] : NULL;
    if (last && last->log && !last->idx) {
        seg->first_seq = last->first_seq;
        r = measure(logs, dir, seg, mend);
        if (r == -EBADMSG) { /* not even a head: it is left alone, the next begins anew */
            mend->damaged_bytes = 1;
            seg->size = 0;
            r = 0;
        }
    } else if (last) {
        r = seg_index_load(logs, dir, last->first_seq, &ix);
        if (r == 0) {
            seg->sums = ix.sums;
            seg->last_seq = ix.last_seq;
            seg_index_done(&ix);
        }
        r = 0;
    }
    seg->known = r == 0;
    if (list.files)
        seg_list_done(&list);
    return r;
}

static int make_dir(int logs, const char *dir, struct str function)
{
    cleanup_close int fd = -EBADF;

    if (mkdirat(logs, dir, 0700) < 0 && errno != EEXIST)
        return -errno;
    fd = openat(logs, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    if (faccessat(fd, "name", F_OK, 0) == 0)
        return 0;
    return io_write_file(fd, "name", function, 0600, NULL);
}

int segment_begin(int logs, const char *dir, struct str function, uint64_t first_seq,
                  int64_t now_ms, struct segment *seg)
{
    struct seg_head head = {.first_seq = first_seq, .base = seg->sums, .created_ms = now_ms};
    char path[PATH_TEXT], text[SEG_HEAD];
    int r = make_dir(logs, dir, function);

    if (r < 0)
        return r;
    segment_close(seg);
    path_of(dir, first_seq, path);
    seg->fd = openat(logs, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (seg->fd < 0)
        return -errno;
    head_put(text, &head);
    r = io_write_all(seg->fd, text, sizeof(text));
    if (r < 0) {
        (void)unlinkat(logs, path, 0);
        segment_close(seg);
        return r;
    }
    seg->first_seq = first_seq;
    seg->size = SEG_HEAD;
    seg->created_ms = now_ms;
    return 0;
}

static int write_all_at(int fd, struct iovec *iov, size_t n, uint64_t at)
{
    while (n > 0) {
        ssize_t done = pwritev(fd, iov, n < IOV_AT_ONCE ? (int)n : IOV_AT_ONCE, (off_t)at);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        at += (uint64_t)done;
        while (n > 0 && (size_t)done >= iov->iov_len) {
            done -= (ssize_t)iov->iov_len;
            iov++;
            n--;
        }
        if (n > 0) {
            iov->iov_base = (char *)iov->iov_base + done;
            iov->iov_len -= (size_t)done;
        }
    }
    return 0;
}

int segment_append(int logs, const char *dir, struct segment *seg, struct iovec *iov, size_t n,
                   size_t bytes)
{
    char path[PATH_TEXT];
    int r;

    assert(seg->size >= SEG_HEAD);
    if (seg->fd < 0) {
        path_of(dir, seg->first_seq, path);
        seg->fd = openat(logs, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (seg->fd < 0)
            return -errno;
    }
    r = write_all_at(seg->fd, iov, n, seg->size);
    if (r < 0) {
        /* What is there of it is not whole: the next write goes over it. */
        (void)!ftruncate(seg->fd, (off_t)seg->size);
        return r;
    }
    seg->size += bytes;
    return 0;
}

int segment_seal(int logs, const char *dir, struct segment *seg)
{
    struct seg_index ix;
    int r;

    segment_close(seg);
    r = seg_index_load(logs, dir, seg->first_seq, &ix);
    if (r == 0)
        seg_index_done(&ix);
    seg->size = 0;
    return r;
}
