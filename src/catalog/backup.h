/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.h - a copy of everything an installation knows, taken while it runs: the metadata as of
 * one moment, and every package that names. docs/backup.md
 */
#ifndef EVOKE_CATALOG_BACKUP_H
#define EVOKE_CATALOG_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/str.h"

struct backup; /* opaque; owned by who asked for it */
struct catalog;
struct err;
struct queue;

struct backup_file {
    char *path; /* "meta.db", "blobs/<sha256>", "logs/<hash>/<name>" */
    uint64_t bytes;
    char sha256[SHA256_HEX];
    bool staged; /* lies in the directory of the backup, not in place */
};

/* Small files beside the metadata that belong to it; those that are not there are left out. */
struct backup_spec {
    const char *dir; /* made, for what has to be copied first; borrowed until completion */
    const char *const *extras; /* NULL-terminated */
    struct queue *queue;       /* events that wait, or NULL: without */
    const char *logs;          /* directory of the functions' logs, or NULL: without */
};

/*
 * Begins a copy; fn is told once, on the loop, never before this returned. r 0: b is the caller's
 * and names its files, by path; until backup_free() none of them changes or goes. Else b is NULL,
 * and e says what failed.
 */
typedef void backup_fn(void *user, int r, struct backup *b, const struct err *e);
void backup_begin(struct catalog *c, const struct backup_spec *spec, backup_fn *fn, void *user);
/* Its directory is removed by a worker, a little later. Reads under way end first. */
struct backup *backup_free(struct backup *b);

const struct backup_file *backup_files(const struct backup *b, size_t *ret_n);
const struct backup_file *backup_find(const struct backup *b, struct str path); /* or NULL */
/* Up to n bytes of a file of this backup, read by a worker. */
typedef void backup_read_fn(void *user, int r, struct str bytes);
void backup_read(struct backup *b, const struct backup_file *file, uint64_t offset, size_t n,
                 backup_read_fn *fn, void *user);

#endif
