/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt.h - Ctrl-C in commands that go on until it comes: noted, so that what is half printed
 * is finished. A write that waits for a slow terminal ends with EINTR. */
#ifndef EVOKE_CLI_INTERRUPT_H
#define EVOKE_CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT no longer ends the program; a second one does. */
void interrupt_catch(void);
bool interrupt_seen(void);
/* Readable once it was seen, for whoever waits with poll(2); -1 before interrupt_catch(). */
int interrupt_fd(void);

#endif
