/* SPDX-License-Identifier: Apache-2.0 */
/* progress.h - one line on stderr that tells how far something is, rewritten in place; only for
 * somebody who looks at it. */
#ifndef EVOKE_CLI_PROGRESS_H
#define EVOKE_CLI_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/term.h"

struct progress {
    struct term term;
    const char *what; /* borrowed */
    uint64_t begun_ns, shown_ns;
    bool shown;
};

void progress_begin(struct progress *p, const char *what);
/* At most ten times a second, and not before it has taken a moment. */
void progress_bytes(struct progress *p, uint64_t done, uint64_t total);
/* A line of the caller's own, at the same pace; false: not now. */
bool progress_due(struct progress *p);
void progress_line(struct progress *p, struct str line);
/* The line goes. */
void progress_end(struct progress *p);

/* "name [####------] 1.2 MiB of 3.4 MiB, 5.6 MiB/s", fitting columns. */
void progress_bar(const char *what, uint64_t done, uint64_t total, uint64_t took_ns, size_t columns,
                  struct buf *out);

#endif
