/* SPDX-License-Identifier: Apache-2.0 */
/* disk.h - can the data directory still be written? Looked at now and then, told to observe/health.h
 * as "disk". */
#ifndef EVOKE_DAEMON_DISK_H
#define EVOKE_DAEMON_DISK_H

struct disk; /* opaque */
struct health;
struct loop;

struct disk *disk_watch(struct loop *l, struct health *h); /* both borrowed */
struct disk *disk_free(struct disk *d);

#endif
