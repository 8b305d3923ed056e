/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_zip.c - any bytes as a code package.
 *
 * Properties: unpacking returns; whatever it says, nothing appears beside the directory it was
 * given; when it says no, that directory is as empty as before; when it says yes, it holds exactly
 * the package, with no file over the limit and no link that resolves to the outside.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "catalog/package.h"
#include "fuzz.h"

static const struct package_limits limits = {
        .packed_bytes = 64 << 10, .unpacked_bytes = 64 << 10, .files = 32};

static char root[64]; /* holds "code" and nothing else */
static int code_fd;
static uint64_t bytes;

static void remove_root(void)
{
    (void)io_remove_tree(AT_FDCWD, root);
}

static void prepare(void)
{
    char code[80];

    snprintf(root, sizeof(root), "%s/evoke-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    holds(mkdtemp(root));
    atexit(remove_root);
    snprintf(code, sizeof(code), "%s/code", root);
    holds(mkdir(code, 0755) == 0);
    code_fd = open(code, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    holds(code_fd >= 0);
}

static unsigned entries_in(int dirfd, const char *path)
{
    DIR *d = fdopendir(openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    unsigned n = 0;

    holds(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static int on_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    char real[4096];

    (void)type;
    (void)ftw;
    holds(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode));
    if (S_ISREG(st->st_mode))
        bytes += (uint64_t)st->st_size;
    if (S_ISLNK(st->st_mode) && realpath(path, real)) {
        size_t n = strlen(root);

        holds(strncmp(real, root, n) == 0 && strncmp(real + n, "/code/x", 7) == 0);
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char code[80];
    int r;

    if (!root[0])
        prepare();
    r = package_unpack((struct str){(const char *)data, n}, &limits, code_fd, "x", NULL);
    holds(entries_in(AT_FDCWD, root) == 1);
    if (r < 0) {
        holds(r == -EINVAL || r == -EFBIG);
        holds(entries_in(code_fd, ".") == 0);
        return 0;
    }
    holds(entries_in(code_fd, ".") == 1);
    bytes = 0;
    snprintf(code, sizeof(code), "%s/code/x", root);
    holds(nftw(code, on_entry, 16, FTW_PHYS) == 0);
    holds(bytes <= limits.unpacked_bytes);
    holds(io_remove_tree(code_fd, "x") == 0);
    return 0;
}
