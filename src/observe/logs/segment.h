/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment.h - the files of the function log store. For worker threads: everything blocks, and
 * nothing here belongs to the loop.
 *
 *   logs/state                   epoch, boot, whether the last end was clean
 *   logs/hot                     functions with something unwritten (hot.c)
 *   logs/<hash>/name             the function's path
 *   logs/<hash>/<first>.log      segment; its name is the sequence it begins at, in hex
 *   logs/<hash>/<first>.idx      sidecar: what is in a sealed segment; derived, made again at need.
 *                                Outlives its segment for a while, to tell what was removed.
 */
#ifndef EVOKE_OBSERVE_LOGS_SEGMENT_H
#define EVOKE_OBSERVE_LOGS_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "observe/logs/record.h"

struct buf;

enum {
    SEG_HEAD = 64,
    SEG_WINDOW = 512 * 1024, /* read at once */
    SEG_DIR_TEXT = 33,       /* hash of a function's path, in hex */
    SEG_NAME_TEXT = 21,      /* "0000018000000007.log" */
};

void seg_dir_name(struct str function, char out[SEG_DIR_TEXT]);

/* Cumulative, since the function's log began. */
struct seg_sums {
    uint64_t records, lines, bytes; /* bytes of text */
};

/* ---- writing: the newest segment of a function ---- */

struct segment {
    int fd; /* owned; -EBADF while closed */
    uint64_t first_seq;
    uint64_t size; /* 0: there is none to go on with */
    int64_t created_ms;
    struct seg_sums sums; /* at its end */
    uint64_t last_seq;
    bool known; /* the directory was looked at */
};

/* What was wrong with a segment that was opened again. */
struct seg_mend {
    uint64_t cut_bytes;     /* a torn tail: removed */
    uint64_t damaged_bytes; /* in the middle: skipped */
};

/* Look for the newest segment of dir, cut off what was not written whole. 0 also when there is
 * none; or -errno. Sets known. */
int segment_find(int logs, const char *dir, struct segment *seg, struct seg_mend *mend);
/* Begin a new one; the directory (with the function's name) is made if it is not there. */
int segment_begin(int logs, const char *dir, struct str function, uint64_t first_seq,
                  int64_t now_ms, struct segment *seg);
/* All of it or nothing: after a failure the file is as long as before. iov is changed. */
int segment_append(int logs, const char *dir, struct segment *seg, struct iovec *iov, size_t n,
                   size_t bytes);
/* No more is written to it: its sidecar is made. Closes. */
int segment_seal(int logs, const char *dir, struct segment *seg);
void segment_close(struct segment *seg);

/* ---- reading ---- */

struct seg_head {
    uint64_t first_seq;
    struct seg_sums base; /* before its first record */
    int64_t created_ms;
};

/* Walks the records of one file. */
struct seg_reader {
    int fd; /* owned */
    struct seg_head head;
    uint64_t at;   /* offset in the file of buf */
    size_t n, pos; /* read, looked at */
    bool eof, check;
    char *buf; /* owned */
};

enum seg_step { SEG_END, SEG_RECORD, SEG_HOLE };

struct seg_place {
    uint32_t offset, size; /* of the record, or of what was skipped */
};

/* check: look at every checksum. 0, -ENOENT, -EBADMSG (no segment), or -errno. */
int seg_reader_open(struct seg_reader *rd, int logs, const char *dir, uint64_t first_seq,
                    bool check);
/* enum seg_step, or -errno. At SEG_END place tells of a torn tail (size 0: there is none). */
int seg_reader_next(struct seg_reader *rd, struct log_record *ret, struct seg_place *ret_place);
/* The record at a place: its size, or 0, -EBADMSG (there is none such), -errno. */
int64_t seg_reader_at(struct seg_reader *rd, uint32_t offset, uint32_t size,
                      struct log_record *ret);
void seg_reader_done(struct seg_reader *rd);

/* ---- sidecars ---- */

struct seg_entry {
    uint64_t seq;
    int64_t time_ms;
    uint64_t request_hash;
    uint32_t offset, size;
    uint32_t lines;
    uint32_t version_hash;
    uint8_t kind, flags, outcome, hole; /* hole: damage; seq is of the record after it */
    uint32_t text;                      /* bytes */
};

struct seg_index {
    struct seg_entry *entries; /* owned */
    uint64_t count;
    uint64_t segment_size;
    uint64_t first_seq, last_seq;
    int64_t min_ms, max_ms;
    struct seg_sums sums; /* at its end */
};

uint32_t seg_version_hash(struct str version);
void seg_entry_of(const struct log_record *r, const struct seg_place *p, struct seg_entry *ret);
/* Read it; if it is missing or damaged while its segment is there, make it again. 0 or -errno. */
int seg_index_load(int logs, const char *dir, uint64_t first_seq, struct seg_index *ret);
void seg_index_done(struct seg_index *ix);
/* From its bytes: 0 or -EBADMSG. */
int seg_index_parse(struct str bytes, struct seg_index *ret);

/* ---- what there is ---- */

struct seg_file {
    uint64_t first_seq;
    uint64_t next_seq; /* of the segment after it; UINT64_MAX: it is the newest */
    bool log, idx;     /* which of its files are there */
};

struct seg_list {
    struct seg_file *files; /* owned; oldest first */
    size_t n, cap;
};

int seg_list_dir(int logs, const char *dir, struct seg_list *ret);
void seg_list_done(struct seg_list *l);
void seg_file_name(uint64_t first_seq, const char *suffix, char out[SEG_NAME_TEXT]);
/* The function's path, into out. 0, or -errno. */
int seg_function_name(int logs, const char *dir, struct buf *out);

#endif
