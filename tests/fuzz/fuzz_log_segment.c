/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_log_segment.c - a segment of whatever bytes is walked to its end: every byte after the head
 * belongs to one record, one hole or the tail, in order, and a record that is taken is written back
 * as the same bytes. A sidecar of whatever bytes is read or refused.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/io.h"
#include "fuzz.h"
#include "observe/logs/segment.h"

static const char dir[] = "00000000000000000000000000000000";

/* A file as its own directory's segment 1: the head made good, the rest as it came. */
static int make(const uint8_t *data, size_t n, char path[64])
{
    char head[SEG_HEAD] = "EVLOGSE1", name[128];
    uint32_t crc;
    int fd;

    (void)snprintf(path, 64, "/dev/shm/fuzz-log-XXXXXX");
    if (!mkdtemp(path))
        abort();
    (void)snprintf(name, sizeof(name), "%s/%s", path, dir);
    (void)mkdir(name, 0700);
    (void)snprintf(name, sizeof(name), "%s/%s/0000000000000001.log", path, dir);
    head[8] = 1;
    crc = crc32c(0, head, SEG_HEAD - 4);
    memcpy(head + SEG_HEAD - 4, &crc, 4);
    fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    holds(fd >= 0 && write(fd, head, SEG_HEAD) == SEG_HEAD && write(fd, data, n) == (ssize_t)n);
    close(fd);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void same_again(const uint8_t *data, const struct log_record *r, const struct seg_place *p)
{
    cleanup_free char *again = malloc(LOG_RECORD_MAX);

    holds(log_record_size(r, r->text.n) == p->size);
    log_record_put(again, r, STR_NONE, r->text);
    log_record_seal(again);
    /* what is kept for later (4 bytes in 80 to 88) may be anything */
    holds(memcmp(again + LOG_HEAD, data + p->offset - SEG_HEAD + LOG_HEAD, p->size - LOG_HEAD) ==
          0);
}

static void walk(int logs, const uint8_t *data, size_t n)
{
    struct seg_reader rd;
    struct seg_place place;
    struct log_record r;
    uint64_t at = SEG_HEAD;
    int step;

    holds(seg_reader_open(&rd, logs, dir, 1, true) == 0);
    while ((step = seg_reader_next(&rd, &r, &place)) > SEG_END) {
        holds(place.offset == at && place.size > 0);
        if (step == SEG_RECORD)
            same_again(data, &r, &place);
        at += place.size;
    }
    holds(step == SEG_END && place.offset == at && at + place.size == SEG_HEAD + n);
    seg_reader_done(&rd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct seg_index ix;
    char path[64];
    int logs;

    if (n > 1 << 20)
        return 0;
    if (seg_index_parse((struct str){(const char *)data, n}, &ix) == 0)
        seg_index_done(&ix);
    logs = make(data, n, path);
    walk(logs, data, n);
    if (seg_index_load(logs, dir, 1, &ix) == 0) {
        holds(ix.segment_size == SEG_HEAD + n);
        seg_index_done(&ix);
    }
    close(logs);
    (void)io_remove_tree(AT_FDCWD, path);
    return 0;
}
