/* SPDX-License-Identifier: Apache-2.0 */
/* interrupt.c - a flag for who works, a pipe for who waits; the pipe closes the gap between looking
 * at the flag and poll(2). */
#include "cli/interrupt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "cli/command.h"

static volatile sig_atomic_t seen;
static int ends[2] = {-1, -1};

static void on_interrupt(int sig)
{
    int saved = errno;

    (void)sig;
    if (seen)
        _exit(EXIT_INTERRUPT);
    seen = 1;
    (void)!write(ends[1], "", 1);
    errno = saved;
}

void interrupt_catch(void)
{
    struct sigaction action = {.sa_handler = on_interrupt}; /* no SA_RESTART: writes end */

    if (ends[0] >= 0 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    (void)sigaction(SIGINT, &action, NULL);
}

bool interrupt_seen(void)
{
    return seen;
}

int interrupt_fd(void)
{
    return ends[0];
}
