/* SPDX-License-Identifier: Apache-2.0 */
/* union.h - several unpacked packages as one directory. Calls block. */
#ifndef EVOKE_CATALOG_UNION_H
#define EVOKE_CATALOG_UNION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/crypto.h"

struct err;

/*
 * Make dirfd/<name> of the directories dirfd/<sha>, in their order: what a later one has takes the
 * place of what an earlier one has under the same path; directories are merged. Files are hard links,
 * so a union costs its directories. It appears whole or not at all. Existing name: 0 at once, and
 * `renew` makes it young (gc.c).
 */
int union_make(int dirfd, const char (*shas)[SHA256_HEX], size_t n, const char *name, bool renew,
               struct err *e);
/* The sizes of all files below dirfd/<name>, added to *bytes. 0 or -errno. */
int union_measure(int dirfd, const char *name, uint64_t *bytes);

#endif
