/* SPDX-License-Identifier: Apache-2.0 */
/* complete.h - what a shell may offer next, from the table of commands. */
#ifndef EVOKE_CLI_COMPLETE_H
#define EVOKE_CLI_COMPLETE_H

#include <stddef.h>

struct buf;

/* Writes the names of functions, one a line. May ask a daemon, may write nothing. */
typedef void complete_functions(void *user, struct buf *out);

/*
 * words: what stands behind `evoke`, the last one being the word at the cursor (may be ""). A shell
 * that cuts words at '=' (bash) may hand over "--output", "=", "j".
 * out: the first line is what else the shell should offer, "files", "dirs" or "words" (nothing);
 * then a candidate a line, with a tab and a description where there is one.
 */
void complete_words(const char *const *words, size_t n, complete_functions *functions, void *user,
                    struct buf *out);

/* The value of --name in words that are not complete yet; NULL. */
const char *complete_option(const char *const *words, size_t n, const char *name);

#endif
