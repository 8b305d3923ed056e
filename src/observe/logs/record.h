/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.h - one record of a function's log as it lies in a segment, and how to find the next
 * one in bytes that may be damaged. Pure; docs/adr/0010-log-store.md draws the layout.
 */
#ifndef EVOKE_OBSERVE_LOGS_RECORD_H
#define EVOKE_OBSERVE_LOGS_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    LOG_TEXT_MAX = 64 * 1024, /* of one record */
    LOG_NAME_MAX = 255,       /* request id, instance, version */
    LOG_REASON_MAX = 512,     /* longer ones are cut */
    LOG_HEAD = 88,            /* before the names */
    LOG_RECORD_MAX = LOG_HEAD + 3 * LOG_NAME_MAX + LOG_REASON_MAX + LOG_TEXT_MAX,
};

enum log_kind {
    LOG_KIND_RUN,
    LOG_KIND_STRAY, /* said outside every run; reason: the hook, or empty */
    LOG_KIND_GAP,   /* something is missing here; reason says why */
    LOG_KINDS,
};

enum log_flag {
    LOG_PART = 1,    /* more of the run follows */
    LOG_END = 2,     /* the facts of the end are set */
    LOG_COLD = 4,    /* with END */
    LOG_REFUSED = 8, /* with END: never ran, reason says why */
    LOG_CUT = 16,    /* the last line goes on in the next record */
};

struct log_record {
    uint64_t seq; /* of the store; grows, has holes */
    int64_t time_ms;
    enum log_kind kind;
    uint8_t flags, outcome, trigger;
    uint32_t lines;                                         /* in text */
    uint64_t duration_ns, init_ns, billed_ms, memory_bytes; /* with END */
    uint64_t lost_lines, lost_bytes; /* GAP: they take the place of two above */
    uint64_t request_hash;           /* log_hash(request_id) */
    struct str request_id, instance, version, reason, text;
};

uint64_t log_hash(struct str name);  /* FNV-1a; of nothing: 0 */
uint32_t log_lines(struct str text); /* what stands after the last newline counts as one */

/* Bytes it takes; names and reason beyond their limit are cut by log_record_put(). */
size_t log_record_size(const struct log_record *r, size_t text_n);
/* Write all but the checksum; the text is `held` and then `text` (r->text is not used). */
void log_record_put(char *to, const struct log_record *r, struct str held, struct str text);
void log_record_seal(char *record); /* the checksum: the last thing before it is written */

/*
 * The record at the front of bytes; its texts are views into them. Returns its size, 0 when bytes
 * end inside it, -EBADMSG when there is none. The checksum is looked at when `check` is set.
 */
int64_t log_record_get(struct str bytes, bool check, struct log_record *ret);
/* Offset of the next whole and undamaged record at or after `from`; bytes.n: there is none. */
size_t log_record_find(struct str bytes, size_t from);

#endif
