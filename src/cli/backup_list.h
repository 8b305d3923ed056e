/* SPDX-License-Identifier: Apache-2.0 */
/* backup_list.h - what a backup says it holds: its first entry, and the measure of all others.
 * docs/backup.md */
#ifndef EVOKE_CLI_BACKUP_LIST_H
#define EVOKE_CLI_BACKUP_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"
#include "base/str.h"

#define BACKUP_LIST_NAME "evoke-backup.json"

struct buf;
struct cJSON;
struct err;

enum { BACKUP_LIST_MAX = 256 << 20, BACKUP_FILES_MAX = 1000 * 1000, BACKUP_FORMAT = 1 };

struct backup_item {
    char *path; /* owned */
    uint64_t bytes;
    char sha256[SHA256_HEX];
    bool seen; /* the reader's */
};

struct backup_list {
    struct backup_item *items; /* owned, by path; no two are alike */
    size_t n;
    uint64_t bytes; /* of all */
};

/* A path that a backup may hold: one of a few names, in one of a few folders, never out of them. */
bool backup_path_ok(struct str path);
/* `files` of the daemon's answer, or of the first entry: [{path, bytes, sha256}]. -EINVAL names what
 * is wrong. */
int backup_list_parse(const struct cJSON *files, struct backup_list *ret, struct err *e);
void backup_list_done(struct backup_list *l);
struct backup_item *backup_list_find(const struct backup_list *l, const char *path); /* or NULL */

/* The first entry, written and read. */
void backup_list_write(const struct backup_list *l, int64_t created_ms, struct buf *out);
int backup_list_read(struct str text, struct backup_list *ret, struct err *e);

#endif
