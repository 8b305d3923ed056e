/* SPDX-License-Identifier: Apache-2.0 */
/* logs_view.h - records of the function log store as people and programs read them. */
#ifndef EVOKE_CLI_LOGS_VIEW_H
#define EVOKE_CLI_LOGS_VIEW_H

#include "base/buf.h"
#include "cli/command.h"
#include "cli/term.h"

struct cJSON;

/* View of one `evoke logs`. */
struct logs_view {
    struct term out;
    enum output_format format;
    bool functions;  /* say which function each line is of */
    bool ends;       /* show how each run ended */
    struct buf text; /* one record as it will be written */
    int day;         /* of the last line on a terminal, as year * 1000 + day of the year */
    uint64_t gaps, lost_lines, lost_bytes; /* what the store said it could not keep */
};

void logs_view_init(struct logs_view *v, enum output_format format, bool functions, bool ends);
void logs_view_done(struct logs_view *v);

/*
 * Write one LogRecord (docs/admin-api.md). Gaps go to stderr as well, where nobody overlooks
 * them. Negative when stdout takes no more; -EINTR after Ctrl-C.
 */
int logs_view_record(struct logs_view *v, const struct cJSON *record);

/* Say on stderr what was missing in all, if anything was. */
void logs_view_sum(const struct logs_view *v);

#endif
