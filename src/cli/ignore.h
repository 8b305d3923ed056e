/* SPDX-License-Identifier: Apache-2.0 */
/* ignore.h - which files of a directory are no code: rules in the syntax of gitignore(5). */
#ifndef EVOKE_CLI_IGNORE_H
#define EVOKE_CLI_IGNORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct err;
struct ignore; /* opaque: an ordered list of rules */

enum { IGNORE_RULES = 1000, IGNORE_LINE = 1024, IGNORE_FILE = 256 << 10 };

extern const char ignore_name[];     /* ".evokeignore" */
extern const char ignore_built_in[]; /* the rules that come before every file's own */

/* A list of the built-in rules. */
struct ignore *ignore_new(void);
struct ignore *ignore_free(struct ignore *ig);
void ignore_freep(struct ignore **ig); /* for cleanup_with() */

/*
 * One rule a line, later ones win: blank lines and "# comment" are none; "!rule" takes back; a rule
 * that ends in "/" fits directories only; one with a "/" before its end is anchored at the top, any
 * other fits at every depth; "*" and "?" fit no "/"; "[a-z]", "[!a]"; "**" as a whole name fits any
 * number of directories; "\" takes the next character as it is. -EINVAL names the line: too long;
 * -EMSGSIZE: too many rules.
 */
int ignore_add(struct ignore *ig, struct str text, struct err *e);

/* path: below the top, "lib/a.py". What is in an ignored directory is for the caller not to ask:
 * as with git, nothing in it can be taken back. */
bool ignore_fits(const struct ignore *ig, const char *path, bool directory);
/* The same for a path whose directories were not asked about. */
bool ignore_covers(const struct ignore *ig, const char *path, bool directory);

/* One rule's pattern and a path, for the tests. */
bool ignore_glob(const char *pattern, const char *path);

#endif
