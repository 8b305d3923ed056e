/* SPDX-License-Identifier: Apache-2.0 */
/* mount.h - what an instance sees as its file system. */
#ifndef EVOKE_SANDBOX_MOUNT_H
#define EVOKE_SANDBOX_MOUNT_H

#include <stdint.h>

struct err;

/* The launcher's own view: the host's tree without a way back, and proc of its pid namespace. */
int mount_own_view(struct err *e);

/*
 * A detached, read-only, nosuid, nodev copy of the directory that dirfd is: can be attached once,
 * in any mount namespace of ours. The directory must have been opened in the caller's mount
 * namespace.
 */
int mount_clone(int dirfd, int *ret_mount, struct err *e);
int mount_attach(int mount, const char *at, struct err *e); /* mount is borrowed */

/*
 * Assemble the root that all instances start from and return its mount namespace. It needs no
 * process to stay. The caller's working directory is covered by it (in that namespace only).
 *
 * runtimes  borrowed: detached mount, appears as /rt
 */
int mount_template(int runtimes, int *ret_ns, struct err *e);

/*
 * The rest, in the instance's own copy of the template: a private /tmp and proc of its own pid
 * namespace. Call it as pid 1 of that namespace.
 */
int mount_private(uint32_t tmp_mb, struct err *e);
/* Later, in the same place: when the size is known. Nothing may have been written to it yet. */
int mount_resize_tmp(uint32_t tmp_mb, struct err *e);

#endif
