/* SPDX-License-Identifier: Apache-2.0 */
/* screen.h - a whole terminal for a while: a picture that is drawn again, keys without Enter. */
#ifndef EVOKE_CLI_SCREEN_H
#define EVOKE_CLI_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cli/term.h"

/* Both stdin and stdout are a terminal that can move its cursor. */
bool screen_possible(void);
/* Take it; given back by screen_end(), by Ctrl-C (interrupt.h) and when a signal ends the program.
 * Once per program. 0 or -errno. */
int screen_begin(void);
void screen_end(void);
/* Rows of the terminal as of now. */
size_t screen_rows(void);
/* The picture: lines that are not longer than the terminal is wide; more than fit are left out. */
void screen_draw(const struct buf *picture);
/* A key, 0 after wait_ms, or negative: Ctrl-C, or the terminal is gone. */
int screen_key(uint64_t wait_ms);

#endif
