/* SPDX-License-Identifier: Apache-2.0 */
/*
 * history_file.h - a day's file of the history as bytes. Pure, but for the two calls that read and
 * append.
 *
 * A file is frames, one per minute, nothing else:
 *
 *   "EVH1" | u32 bytes of the payload | u32 CRC-32C of the payload     little endian
 *   payload: varint minute (Unix time / 60) | varint rows | row...
 *   row:     u64 id of the function, little endian | span (observe/metrics/span.h)
 *
 * The first row is the sum of all functions, with the id 0. A frame whose checksum is wrong is skipped:
 * the next one is found by its mark.
 */
#ifndef EVOKE_OBSERVE_METRICS_HISTORY_FILE_H
#define EVOKE_OBSERVE_METRICS_HISTORY_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"
#include "observe/metrics/span.h"

enum {
    HISTORY_HEAD = 12,
    HISTORY_FRAME_MAX = 64 << 20,
    HISTORY_FILE_MAX = 1 << 30,
    HISTORY_NAME = 32, /* room for a file's name */
};

void history_put_row(struct buf *rows, uint64_t id, const struct span *s);
/* rows: as history_put_row() made them, without the sum. */
void history_put_frame(struct buf *out, int64_t minute, uint32_t nrows, struct str rows,
                       const struct span *sum);

struct history_frame {
    int64_t minute;
    uint64_t nrows;
    struct str rows, whole; /* views: its rows; all of it, the head included */
};
/* The next frame that is whole; false: no more. *lost grows by the bytes that were passed over, also
 * at the end. */
bool history_next_frame(struct str *rest, struct history_frame *ret, uint64_t *lost);
/* False: no more, or what follows is no row. */
bool history_next_row(struct history_frame *f, uint64_t *ret_id, struct span *ret);

/* "2026-11-22.history" of a day, counted from 1970; and back: false for other names. */
void history_name(int64_t day, char out[HISTORY_NAME]);
bool history_day(const char *name, int64_t *ret_day);

/* Up to `limit` bytes of a day's file; none if there is none. 0 or -errno. */
int history_read(int dir, int64_t day, uint64_t limit, struct buf *out);
/* All of it, on disk, or nothing. 0 or -errno. ret_size: of the file afterwards. */
int history_append(int dir, int64_t day, struct str frames, uint64_t *ret_size);

#endif
