/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - which of several directories or files have changed. inotify(7). */
#ifndef EVOKE_CLI_WATCH_H
#define EVOKE_CLI_WATCH_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct ignore;
struct watch; /* opaque */

enum { WATCH_DIRECTORIES = 16384 };

int watch_new(struct watch **ret, struct err *e);
struct watch *watch_free(struct watch *w);
void watch_freep(struct watch **w); /* for cleanup_with() */

/*
 * A file, or a directory with all that is in it but what the rules leave out (ignore: taken, also on
 * failure; NULL: nothing). It may vanish and come back. Returns its number, 0 for the first; -ENOSPC
 * names the limit: ours, or the kernel's.
 */
int watch_add(struct watch *w, const char *path, struct ignore *ignore, struct err *e);
size_t watch_directories(const struct watch *w);

int watch_fd(const struct watch *w); /* readable: something happened */
/*
 * Take what happened; changed[number] is set for each that it concerns. True: any. Goes on until
 * nothing has happened for a moment, so that the many steps of one save are one change; at most for
 * half a second.
 */
bool watch_read(struct watch *w, bool *changed);

#endif
