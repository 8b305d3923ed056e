/* SPDX-License-Identifier: Apache-2.0 */
/* io.h - whole reads and writes, small files, descriptors over sockets. */
#ifndef EVOKE_BASE_IO_H
#define EVOKE_BASE_IO_H

#include <dirent.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"

struct err;

int io_write_all(int fd, const void *p, size_t n); /* 0 or -errno; blocking fd */
ssize_t io_read_full(int fd, void *p, size_t n);   /* bytes (short at EOF) or -errno */
int io_read_file(int dirfd, const char *path, struct buf *out,
                 struct err *e); /* -EMSGSIZE: over out->max */
/* Up to n bytes from offset are added to out, fewer only at the end of the file. 0 or -errno. Follows
 * no link in place of the file. */
int io_read_part(int dirfd, const char *path, uint64_t offset, size_t n, struct buf *out);
/* Atomic: temporary file, fsync, rename, fsync of the directory. */
int io_write_file(int dirfd, const char *path, struct str data, mode_t mode, struct err *e);
int io_mkdir_p(const char *path, mode_t mode, struct err *e); /* like mkdir -p */
/* For readdir(3), following no link in place of name; NULL with errno. */
DIR *io_open_dir(int dirfd, const char *name);
int io_remove_tree(int dirfd, const char *path); /* rm -rf, follows no symlink; 0 or -errno */

void io_raise_open_files(void); /* of this process: to the limit it may not pass */

enum { IO_MAX_FDS = 16 };

/* One message with descriptors on a unix socket (SCM_RIGHTS, unix(7)). 0 or -errno. */
int io_send_fds(int sock, const void *p, size_t n, const int *fds, size_t nfds);
/* Bytes read (0 at EOF) or -errno. Descriptors are CLOEXEC; *nfds is capacity in, count out. A
 * truncated message or one with too many descriptors is -EMSGSIZE, everything received closed. */
ssize_t io_recv_fds(int sock, void *p, size_t n, int *fds, size_t *nfds);

#endif
