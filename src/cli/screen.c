/* SPDX-License-Identifier: Apache-2.0 */
/*
 * screen.c - the terminal's second page and its raw keys.
 *
 * What always holds: once screen_begin() has changed the terminal, every way out of the program that
 * we can see changes it back - return, Ctrl-C, SIGTERM, SIGHUP - and only with calls that a signal
 * handler may make (signal-safety(7)).
 */
#include "cli/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/obj.h"
#include "cli/interrupt.h"

/* xterm's second page, cursor hidden; and back. */
static const char enter[] = "\x1b[?1049h\x1b[?25l", leave[] = "\x1b[?25h\x1b[?1049l";

static struct termios before;
static volatile sig_atomic_t taken;

bool screen_possible(void)
{
    const char *kind = getenv("TERM");

    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind && *kind &&
           strcmp(kind, "dumb") != 0;
}

void screen_end(void)
{
    if (!taken)
        return;
    taken = 0;
    (void)!write(STDOUT_FILENO, leave, sizeof(leave) - 1);
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
}

/* Ends as the signal would have ended it. */
static void on_end(int sig)
{
    screen_end();
    (void)signal(sig, SIG_DFL);
    (void)raise(sig);
}

int screen_begin(void)
{
    static const int ends[] = {SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_end};
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &before) < 0)
        return -errno;
    raw = before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        (void)sigaction(ends[i], &action, NULL);
    interrupt_catch();
    taken = 1;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) < 0)
        return -errno;
    fflush(stdout);
    (void)!write(STDOUT_FILENO, enter, sizeof(enter) - 1);
    return 0;
}

size_t screen_rows(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
        return 24;
    return size.ws_row;
}

/* Each line is written over the old one and the rest of it cleared, so nothing flickers. */
void screen_draw(const struct buf *picture)
{
    struct str rest = buf_str(picture);
    size_t rows = screen_rows();

    fputs("\x1b[H", stdout);
    for (size_t row = 0; row < rows && rest.p && rest.n; row++) {
        struct str line = str_cut(&rest, '\n');

        printf("%s%.*s\x1b[K", row ? "\r\n" : "", STR_ARG(line));
    }
    fputs("\x1b[J", stdout);
    fflush(stdout);
}

int screen_key(uint64_t wait_ms)
{
    uint64_t end = clock_mono_ns() + wait_ms * 1000000, now;

    while ((now = clock_mono_ns()) < end && !interrupt_seen()) {
        struct pollfd fds[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = interrupt_fd(), .events = POLLIN}};
        char key;
        int n = poll(fds, 2, (int)((end - now + 999999) / 1000000));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (fds[0].revents) {
            ssize_t got = read(STDIN_FILENO, &key, 1);

            if (got <= 0)
                return -EIO;
            return (unsigned char)key;
        }
    }
    return interrupt_seen() ? -EINTR : 0;
}
