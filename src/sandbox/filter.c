/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.c - what a process does to itself, last: seccomp and Landlock.
 *
 * Filters are compiled once, by the launcher (seccomp.c). Its own children find them in their copy
 * of its memory; a zygote, which has been exec'ed, is handed one as a descriptor.
 */
#include "sandbox/filter.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"

enum { LANDLOCK_SCOPE_ABI = 6 };

int filter_save(const struct filter *f, int *ret_memfd, struct err *e)
{
    cleanup_close int fd = memfd_create("seccomp", MFD_CLOEXEC);
    int r;

    if (fd < 0)
        return err_sys(e, "memfd for the seccomp program");
    r = io_write_all(fd, f->code, f->n * sizeof *f->code);
    if (r < 0)
        return err_set(e, ERR_HOST, r, "write the seccomp program: %s", strerror(-r));
    *ret_memfd = TAKE_FD(fd);
    return 0;
}

int filter_restore(int fd, struct filter *ret, struct err *e)
{
    cleanup_free struct sock_filter *code = NULL;
    struct stat st;
    size_t n;

    if (fstat(fd, &st) < 0)
        return err_sys(e, "look at the seccomp program");
    n = (size_t)st.st_size / sizeof *code;
    if (st.st_size <= 0 || n > BPF_MAXINSNS || (size_t)st.st_size != n * sizeof *code)
        return err_set(e, ERR_HOST, -EINVAL, "a seccomp program of %lld bytes",
                       (long long)st.st_size);
    code = xcalloc(n, sizeof *code);
    if (pread(fd, code, n * sizeof *code, 0) != (ssize_t)(n * sizeof *code))
        return err_sys(e, "read the seccomp program");

    ret->n = n;
    ret->code = TAKE_PTR(code);
    return 0;
}

void filter_done(struct filter *f)
{
    free(f->code);
    *f = (struct filter){0};
}

int filter_load(const struct filter *f, struct err *e)
{
    struct sock_fprog program = {.len = (unsigned short)f->n, .filter = f->code};

    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        return err_sys(e, "load the seccomp program");
    return 0;
}

bool landlock_has_scope(void)
{
    enum { VERSION = 1 }; /* LANDLOCK_CREATE_RULESET_VERSION */
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, VERSION);

    return abi >= LANDLOCK_SCOPE_ABI;
}

int landlock_scope(struct err *e)
{
    /* struct landlock_ruleset_attr of ABI 6; Debian 12's header is older. */
    const struct {
        uint64_t fs, net, scoped;
    } attr = {.scoped = 1 /* abstract unix sockets */ | 2 /* signals */};
    cleanup_close int fd = -EBADF;

    if (!landlock_has_scope())
        return 0;
    fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (fd < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        return err_sys(e, "landlock");
    return 0;
}
