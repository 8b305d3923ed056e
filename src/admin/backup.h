/* SPDX-License-Identifier: Apache-2.0 */
/* backup.h - backups that are being fetched over the API: a few at once, each for a while. */
#ifndef EVOKE_ADMIN_BACKUP_H
#define EVOKE_ADMIN_BACKUP_H

struct backups; /* opaque */
struct catalog;
struct loop;

enum {
    BACKUPS_MAX = 2,                  /* at once; one more is told 429 */
    BACKUPS_IDLE_MS = 10 * 60 * 1000, /* nobody asks for a part of it so long: it is forgotten */
};

/* For a daemon whose current directory is the data directory. Sweeps what an earlier one left
 * behind. */
struct backups *backups_new(struct loop *l, struct catalog *c);
struct backups *backups_free(struct backups *b); /* before the catalog */

#endif
