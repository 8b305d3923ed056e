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
    struct buf text; /* to be written */
    int day;         /* of the last line on a terminal, as year * 1000 + day of the year */
    struct lost {    /* what the store said it could not keep */
        uint64_t places, lines, bytes;
    } lost, untold;               /* in all; since gap_ns */
    char *gap_function, *gap_why; /* owned; of what is untold, "" for several functions; or NULL */
    uint64_t gap_ns;              /* when such a line was last written */
};

void logs_view_init(struct logs_view *v, enum output_format format, bool functions, bool ends);
void logs_view_done(struct logs_view *v);

/*
 * Write one LogRecord (docs/admin-api.md), or keep it for logs_view_flush() while it is little.
 * Gaps go to stderr as well, where nobody overlooks them. Negative when stdout takes no more;
 * -EINTR after Ctrl-C if it took nothing for a while.
 */
int logs_view_record(struct logs_view *v, const struct cJSON *record);
int logs_view_flush(struct logs_view *v);

/* Gaps come in floods: they are told once a second. Whoever is going to wait tells the rest. */
void logs_view_tell(struct logs_view *v);
/* Say on stderr what was missing in all, if anything was. */
void logs_view_sum(struct logs_view *v);

#endif
