/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_queue_pages.c - pages of whatever bytes, with checksums that fit: every row that is read lies
 * where it says, in bounds, and reading ends. The second half of the input is taken for a log.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "store/sqlite/queue_pages.h"
#include "store/sqlite/vfs.h"

enum { PAGES_MOST = 8, LOG_MOST = 3 * 4120 };

static uint64_t bytes; /* of all columns, so that each is read */

static int on_row(void *user, const struct page_row *row, struct err *e)
{
    (void)e;
    ++*(uint32_t *)user;
    holds(row->ncolumns <= PAGES_COLUMNS);
    for (size_t i = 0; i < row->ncolumns; i++) {
        const struct page_value *v = &row->columns[i];

        holds(v->n <= PAGES_ROW && (v->type != 'i' || v->n <= 8));
        for (size_t k = 0; k < v->n; k++)
            bytes += v->p[k];
    }
    return 0;
}

static void put(const char *path, const uint8_t *p, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    holds(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t pages[PAGES_MOST][VFS_PAGE];
    char dir[] = "/dev/shm/fuzz-pages-XXXXXX", path[64], log[64];
    size_t half = n / 2 < sizeof(pages) ? n / 2 : sizeof(pages);
    uint32_t most = (uint32_t)((half + VFS_PAGE - 1) / VFS_PAGE), rows = 0;
    struct pages_read read;

    memset(pages, 0, sizeof(pages));
    memcpy(pages, data, half);
    for (uint32_t i = 0; i < most; i++)
        vfs_seal(pages[i], i + 1);
    if (!mkdtemp(dir))
        abort();
    (void)snprintf(path, sizeof(path), "%s/q", dir);
    (void)snprintf(log, sizeof(log), "%s/q-wal", dir);
    put(path, pages[0], (size_t)most * VFS_PAGE);
    put(log, data + half, n - half < LOG_MOST ? n - half : LOG_MOST);
    holds(queue_pages(path, on_row, &rows, &read, NULL) == 0);
    holds(rows <= (uint32_t)PAGES_MOST * VFS_PAGE / 2);
    (void)unlink(path);
    (void)unlink(log);
    (void)rmdir(dir);
    return 0;
}
