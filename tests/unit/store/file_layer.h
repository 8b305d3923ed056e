/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_layer.h - a disk that fails when it is told to, and remembers what was done to it.
 *
 * An SQLite VFS over the default one, in its place as the default: every file of a store passes
 * through it, whatever thread. What was recorded can be cut off at any point, with what was not
 * synced lost in one of several ways, as after a power cut.
 */
#ifndef EVOKE_TESTS_FILE_LAYER_H
#define EVOKE_TESTS_FILE_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void file_layer_install(void); /* before anything opens a file; once */

/* Faults, until file_layer_heal(). */
void file_layer_fail_syncs(int n);         /* the next n syncs of any file fail, as EIO; -1: all */
void file_layer_fill(uint64_t bytes_left); /* files grow by so much yet; then the disk is full */
void file_layer_heal(void);

/* From now on; files are told apart by what follows `path` in their names ("" and "-wal"). Beside
 * each action the bytes of "<path>.mark" at that moment are kept, since it is no file of SQLite. */
void file_layer_record(const char *path);
void file_layer_stop(void);
size_t file_layer_actions(void); /* how many were recorded so far; any thread */
/* True when action i is a sync: before it something may be lost. */
bool file_layer_is_sync(size_t i);

enum loss {
    LOSE_NOTHING, /* as after kill -9 */
    LOSE_ALL,     /* of what was not synced */
    LOSE_LATER,   /* the second half of it */
    LOSE_TORN,    /* the last write, but for its first sectors */
    LOSE_SOME,    /* any of it, by the seed */
    LOSE_SECTORS, /* any sector of 512 bytes of it, by the seed */
    LOSSES,
};
/*
 * The files as they are when power fails before action n, into `path`, which has what they were
 * when recording began. mark_then: the mark as it was then; else as it was after the last of the
 * checkpoints, which is when it is synced.
 */
void file_layer_rebuild(const char *path, size_t n, enum loss loss, unsigned seed, bool mark_then);

#endif
