/* SPDX-License-Identifier: Apache-2.0 */
/* name.h - what people call a function: name, space/name, dialect/account/region/space/name. */
#ifndef EVOKE_CLI_NAME_H
#define EVOKE_CLI_NAME_H

#include "base/buf.h"
#include "base/str.h"

struct cJSON;
struct client;
struct err;

struct name { /* views; parts that were not written have p == NULL */
    struct str dialect, account, region, space, name;
};

/* 0, or -EINVAL: not one, two or five non-empty parts. */
int name_parse(struct str text, struct name *ret, struct err *e);

/* The one function in an answer of the daemon ("functions": [...]) that fits. -ENOENT: none.
 * -ENOTUNIQ: several; candidates gets their full names, one a line. ret is borrowed from list. */
int name_pick(const struct name *want, const struct cJSON *list, struct name *ret,
              struct buf *candidates, struct err *e);

/* The full name with slashes, and as the path of the admin API (percent-encoded). */
void name_print(const struct name *n, struct buf *out);
void name_path(const struct name *n, struct buf *out);

/* The full name of a function as the daemon told of it. */
void name_of_function(const struct cJSON *function, struct buf *out);

/* What a word on the command line means, asking the daemon when it is short. out gets the API path.
 * Prints candidates on stderr when there are several. */
int name_resolve(struct client *c, const char *word, struct buf *out, struct err *e);

#endif
