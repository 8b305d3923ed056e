/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - MemAvailable, which is what can be had without swapping (proc_meminfo(5)). */
#include "daemon/memory.h"

#include <fcntl.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/str.h"

enum { SHARE = 80, MEMINFO_MAX = 64 << 10 };

int64_t memory_share_mb(void)
{
    cleanup_with(buf_done) struct buf text;
    struct err e = {0};
    struct str rest;
    int64_t kib;

    buf_init(&text, MEMINFO_MAX);
    if (io_read_file(AT_FDCWD, "/proc/meminfo", &text, &e) < 0)
        return 0;
    rest = buf_str(&text);
    while (rest.n > 0) {
        struct str line = str_cut(&rest, '\n');

        if (!str_starts(line, S("MemAvailable:")))
            continue;
        line = str_trim(str_from(line, S("MemAvailable:").n));
        if (str_i64(str_cut(&line, ' '), 0, INT64_MAX / SHARE, &kib) < 0)
            return 0;
        return kib * SHARE / 100 / 1024;
    }
    return 0;
}
