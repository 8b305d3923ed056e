/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.c - sidecars of sealed segments, and what a function's directory holds.
 *
 * A sidecar is derived: whoever finds it missing or damaged makes it again from its segment, under
 * a name of its own that is then renamed, so two who do so at once do no harm. Its entries are
 * written as this machine has them in memory; on another one the checksum of the head, which covers
 * a number in native order, does not fit, and it is made again.
 */
#include "observe/logs/segment.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"

enum { PATH_TEXT = SEG_DIR_TEXT + SEG_NAME_TEXT + 8, INDEX_MAX = 1 << 30 };

struct index_head {
    char magic[8];
    uint64_t order; /* 1 in native order */
    uint64_t count, segment_size, first_seq, last_seq;
    int64_t min_ms, max_ms;
    struct seg_sums sums;
    uint32_t entries_crc, head_crc;
};

static_assert(sizeof(struct seg_entry) == 48, "no hole in an entry: its bytes are written");
static_assert(sizeof(struct index_head) == 96, "no hole in the head of a sidecar");

static const char magic[8] = "EVLOGIX1";

uint32_t seg_version_hash(struct str version)
{
    uint64_t h = log_hash(version);

    return (uint32_t)(h ^ h >> 32);
}

void seg_entry_of(const struct log_record *r, const struct seg_place *p, struct seg_entry *ret)
{
    *ret = (struct seg_entry){
            .seq = r->seq,
            .time_ms = r->time_ms,
            .request_hash = r->request_hash,
            .offset = p->offset,
            .size = p->size,
            .lines = r->lines,
            .version_hash = seg_version_hash(r->version),
            .kind = (uint8_t)r->kind,
            .flags = r->flags,
            .outcome = r->outcome,
            .text = (uint32_t)r->text.n,
    };
}

void seg_index_done(struct seg_index *ix)
{
    free(ix->entries);
    ix->entries = NULL;
}

/* ---- making one ---- */

static void add_entry(struct seg_index *ix, size_t *cap, const struct seg_entry *en)
{
    if (ix->count == *cap) {
        *cap = *cap ? *cap * 2 : 256;
        ix->entries = xrealloc(ix->entries, *cap, sizeof(*ix->entries));
    }
    ix->entries[ix->count++] = *en;
}

static int build(int logs, const char *dir, uint64_t first_seq, struct seg_index *ix)
{
    struct seg_place place, hole = {0};
    struct seg_reader rd;
    struct log_record rec;
    struct seg_entry en;
    size_t cap = 0;
    int r = seg_reader_open(&rd, logs, dir, first_seq, true);

    if (r < 0)
        return r;
    *ix = (struct seg_index){.first_seq = rd.head.first_seq,
                             .last_seq = rd.head.first_seq,
                             .min_ms = INT64_MAX,
                             .max_ms = INT64_MIN,
                             .sums = rd.head.base};
    while ((r = seg_reader_next(&rd, &rec, &place)) > SEG_END) {
        if (r == SEG_HOLE) {
            hole = place;
            continue;
        }
        if (hole.size > 0) {
            en = (struct seg_entry){.seq = rec.seq,
                                    .time_ms = rec.time_ms,
                                    .offset = hole.offset,
                                    .size = hole.size,
                                    .kind = LOG_KIND_GAP,
                                    .hole = 1};
            add_entry(ix, &cap, &en);
            hole.size = 0;
        }
        seg_entry_of(&rec, &place, &en);
        add_entry(ix, &cap, &en);
        ix->last_seq = rec.seq;
        ix->min_ms = rec.time_ms < ix->min_ms ? rec.time_ms : ix->min_ms;
        ix->max_ms = rec.time_ms > ix->max_ms ? rec.time_ms : ix->max_ms;
        ix->sums.records++;
        ix->sums.lines += rec.lines;
        ix->sums.bytes += rec.text.n;
    }
    ix->segment_size = (uint64_t)place.offset + place.size;
    seg_reader_done(&rd);
    if (r < 0)
        seg_index_done(ix);
    return r < 0 ? r : 0;
}

static uint32_t head_crc(const struct index_head *h)
{
    return crc32c(0, h, offsetof(struct index_head, head_crc));
}

/* Not there in the end: no harm, the next reader makes it again. */
static void write_index(int logs, const char *path, const struct seg_index *ix)
{
    size_t bytes = ix->count * sizeof(*ix->entries);
    struct index_head h = {.order = 1,
                           .count = ix->count,
                           .segment_size = ix->segment_size,
                           .first_seq = ix->first_seq,
                           .last_seq = ix->last_seq,
                           .min_ms = ix->min_ms,
                           .max_ms = ix->max_ms,
                           .sums = ix->sums,
                           .entries_crc = crc32c(0, ix->entries, bytes)};
    char name[PATH_TEXT + 32];
    cleanup_close int fd = -EBADF;

    memcpy(h.magic, magic, sizeof(magic));
    h.head_crc = head_crc(&h);
    (void)snprintf(name, sizeof(name), "%s.%d.tmp", path, gettid());
    fd = openat(logs, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    if (io_write_all(fd, &h, sizeof(h)) < 0 || io_write_all(fd, ix->entries, bytes) < 0 ||
        renameat(logs, name, logs, path) < 0)
        (void)unlinkat(logs, name, 0);
}

/* ---- reading one ---- */

int seg_index_parse(struct str bytes, struct seg_index *ret)
{
    struct index_head h;
    struct seg_index ix;
    size_t n;

    if (bytes.n < sizeof(h))
        return -EBADMSG;
    memcpy(&h, bytes.p, sizeof(h));
    n = bytes.n - sizeof(h);
    if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.order != 1 || h.head_crc != head_crc(&h) ||
        n % sizeof(struct seg_entry) != 0 || h.count != n / sizeof(struct seg_entry) ||
        h.entries_crc != crc32c(0, bytes.p + sizeof(h), n))
        return -EBADMSG;
    ix = (struct seg_index){.count = h.count,
                            .segment_size = h.segment_size,
                            .first_seq = h.first_seq,
                            .last_seq = h.last_seq,
                            .min_ms = h.min_ms,
                            .max_ms = h.max_ms,
                            .sums = h.sums};
    ix.entries = xcalloc(ix.count ? ix.count : 1, sizeof(*ix.entries));
    if (n > 0)
        memcpy(ix.entries, bytes.p + sizeof(h), n);
    *ret = ix;
    return 0;
}

int seg_index_load(int logs, const char *dir, uint64_t first_seq, struct seg_index *ret)
{
    char name[SEG_NAME_TEXT], path[PATH_TEXT];
    cleanup_with(buf_done) struct buf bytes;
    int r;

    seg_file_name(first_seq, ".idx", name);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    buf_init(&bytes, INDEX_MAX);
    r = io_read_file(logs, path, &bytes, NULL);
    if (r >= 0)
        r = seg_index_parse(buf_str(&bytes), ret);
    if (r >= 0 && ret->first_seq == first_seq)
        return 0;
    if (r >= 0)
        seg_index_done(ret);
    r = build(logs, dir, first_seq, ret);
    if (r == 0)
        write_index(logs, path, ret);
    return r;
}

/* ---- directories ---- */

static int by_first(const void *a, const void *b)
{
    const struct seg_file *x = a, *y = b;

    return x->first_seq < y->first_seq ? -1 : x->first_seq > y->first_seq;
}

static bool parse_name(const char *name, uint64_t *ret_first, bool *ret_log)
{
    uint64_t v = 0;

    if (strlen(name) != SEG_NAME_TEXT - 1 || !is_hex((struct str){name, 16}, 16))
        return false;
    for (int i = 0; i < 16; i++)
        v = v << 4 | (uint64_t)(name[i] <= '9' ? name[i] - '0' : name[i] - 'a' + 10);
    *ret_log = strcmp(name + 16, ".log") == 0;
    *ret_first = v;
    return *ret_log || strcmp(name + 16, ".idx") == 0;
}

static void add_file(struct seg_list *l, uint64_t first, bool log)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 16;
        l->files = xrealloc(l->files, l->cap, sizeof(*l->files));
    }
    l->files[l->n++] = (struct seg_file){first, UINT64_MAX, log, !log};
}

int seg_list_dir(int logs, const char *dir, struct seg_list *ret)
{
    struct dirent *de;
    DIR *d = io_open_dir(logs, dir);
    uint64_t first;
    size_t n = 0;
    bool log;

    *ret = (struct seg_list){0};
    if (!d)
        return -errno;
    while ((de = readdir(d)))
        if (parse_name(de->d_name, &first, &log))
            add_file(ret, first, log);
    closedir(d);
    if (ret->n > 1)
        qsort(ret->files, ret->n, sizeof(*ret->files), by_first);
    for (size_t i = 0; i < ret->n; i++) { /* a segment and its sidecar are one */
        struct seg_file *before = n > 0 ? &ret->files[n - 1] : NULL;

        if (before && before->first_seq == ret->files[i].first_seq) {
            before->log |= ret->files[i].log;
            before->idx |= ret->files[i].idx;
            continue;
        }
        if (before)
            before->next_seq = ret->files[i].first_seq;
        ret->files[n++] = ret->files[i];
    }
    ret->n = n;
    return 0;
}

void seg_list_done(struct seg_list *l)
{
    free(l->files);
    *l = (struct seg_list){0};
}

int seg_function_name(int logs, const char *dir, struct buf *out)
{
    char path[PATH_TEXT];

    (void)snprintf(path, sizeof(path), "%s/name", dir);
    return io_read_file(logs, path, out, NULL);
}
