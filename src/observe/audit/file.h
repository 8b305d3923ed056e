/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - the trail as files; shared by the trail's files, not for other rooms. Blocking:
 * for worker threads, and for opening. */
#ifndef EVOKE_OBSERVE_AUDIT_FILE_H
#define EVOKE_OBSERVE_AUDIT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct err;

enum {
    AUDIT_SEGMENT = 4 << 20, /* bytes after which a segment is closed */
    AUDIT_SEGMENTS = 4096,
    AUDIT_LINE = 16 << 10, /* a longer one is damage */
    AUDIT_NAME = 32,
    AUDIT_DAY_MS = 24 * 60 * 60 * 1000,
};

struct audit_segment {
    uint64_t first; /* sequence number of its first record, and its name */
    uint64_t bytes;
    int64_t first_ms;
};

/* A record as its line, newline included. */
void audit_line(struct str json, struct buf *out);

struct audit_item {
    uint64_t sequence;
    int64_t time_ms;
    struct str json;
};
/* The next line of a segment's text. 1: *ret; 0: no whole line is left; -EBADMSG: the line is
 * damaged and has been passed over. Never reads outside *rest. */
int audit_next(struct str *rest, struct audit_item *ret);

void audit_name(uint64_t first, char out[AUDIT_NAME]);
/* Segments below dir in order, with the size and time of each. The last one's torn end is cut off.
 * *ret_next: the next sequence number. *ret_damaged: bad lines in the last one. */
int audit_scan(int dir, struct audit_segment *segments, uint32_t *ret_n, uint64_t *ret_next,
               uint32_t *ret_damaged, struct err *e);

struct audit_writer {
    int dir, fd;    /* borrowed, owned; fd < 0: the next append begins a segment */
    uint64_t bytes; /* of the segment */
};
/* An empty segment, made or emptied. */
int audit_begin(struct audit_writer *w, uint64_t first);
/* On disk when it returns 0. On failure nothing of it is kept, and the next append begins a segment. */
int audit_append(struct audit_writer *w, uint64_t first, struct str lines);

#endif
