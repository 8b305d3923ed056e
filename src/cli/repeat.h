/* SPDX-License-Identifier: Apache-2.0 */
/* repeat.h - the same invocation many times: how long they take, and how they end. */
#ifndef EVOKE_CLI_REPEAT_H
#define EVOKE_CLI_REPEAT_H

#include <stddef.h>
#include <stdint.h>

#include "cli/command.h"

struct client;
struct client_request;

enum { REPEAT_RUNS = 1000000, REPEAT_AT_ONCE = 1000 };

/* n times req, so many at once, each on a connection of its own. Ctrl-C ends it early; what was
 * measured is shown. Returns the exit code: that of the first failure, 130 after Ctrl-C. */
int repeat_run(struct client *c, const struct client_request *req, size_t n, size_t at_once,
               enum output_format format);

#endif
