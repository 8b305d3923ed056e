/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap.c - a worker that misbehaves in the way it is asked to.
 *
 * Asked at boot by a file `bootstrap.boot` beside it, at load by a handler "load.WORD", at a run by
 * an event "WORD..." (a JSON string). A word it does not know is answered with "tame". Frames are
 * written here by hand: evoke.h would not write these.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READY = 1, ASSIGN, OPEN, DATA, END, CREDIT, RESET, LOG };
enum { CHANNEL = 3, HEAD = 12, PIECE = 65536, WINDOW = 262144 };

static char frame[1 << 20], block[PIECE];
static char *event;
static size_t event_bytes;
static uint32_t stream;

static void get(void *to, size_t n)
{
    for (char *p = to; n > 0;) {
        ssize_t got = read(CHANNEL, p, n);

        if (got <= 0)
            exit(0); /* the host is gone */
        p += got;
        n -= (size_t)got;
    }
}

static void put(const void *from, size_t n)
{
    for (const char *p = from; n > 0;) {
        ssize_t wrote = send(CHANNEL, p, n, MSG_NOSIGNAL);

        if (wrote <= 0)
            exit(0);
        p += wrote;
        n -= (size_t)wrote;
    }
}

static void put_u32(unsigned char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (unsigned char)(v >> (24 - 8 * i));
}

static uint32_t get_u32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_head(uint8_t type, uint32_t on, uint32_t length)
{
    unsigned char head[HEAD] = {[4] = type};

    put_u32(head, length);
    put_u32(head + 8, on);
    put(head, sizeof(head));
}

static void say(uint8_t type, uint32_t on, const void *p, size_t n)
{
    put_head(type, on, (uint32_t)n);
    put(p, n);
}

/* The next frame into `frame`; its type. */
static int take(uint32_t *on, uint32_t *length)
{
    unsigned char head[HEAD];

    get(head, sizeof(head));
    *length = get_u32(head);
    *on = get_u32(head + 8);
    get(frame, *length);
    frame[*length < sizeof(frame) ? *length : sizeof(frame) - 1] = '\0';
    return head[4];
}

static void answer(const char *text)
{
    say(DATA, stream, text, strlen(text));
    say(END, stream, "", 0);
}

/* ---- misbehaviour ---- */

static void garbage(void)
{
    memset(block, 0xA5, 4096);
    put(block, 4096);
}

static void forged(void)
{
    say(DATA, stream + 7, "for somebody else", 17);
}

static void other_answer(void)
{
    say(END, stream + 1, "", 0);
}

/* Never mind credit. */
static void beyond(void)
{
    for (;;)
        say(DATA, stream, block, PIECE);
}

static void oversize(void)
{
    put_head(DATA, stream, 0x7fffffff);
    put(block, PIECE);
}

static void end_twice(void)
{
    answer("once");
    say(END, stream, "", 0);
}

static void hang_up(void)
{
    close(CHANNEL);
    for (;;)
        pause();
}

static void hang(void)
{
    for (;;)
        pause();
}

static void half_a_frame(void)
{
    put("\0\0\0", 3);
    exit(0);
}

static void much_credit(void)
{
    say(CREDIT, stream, "\xff\xff\xff\xff", 4);
}

static void reset(void)
{
    say(RESET, stream, "", 0);
}

static void ready_again(void)
{
    say(READY, 0, "{}", 2);
}

static void assign_back(void)
{
    say(ASSIGN, 0, "{}", 2);
}

static void bad_summary(void)
{
    say(END, stream, "{\"peak_bytes\":\"many\"}", 21);
}

/* 1 GB, as credit comes. */
static void flood_data(void)
{
    uint64_t credit = WINDOW;

    for (uint64_t left = 1ULL << 30; left > 0; left -= PIECE, credit -= PIECE) {
        while (credit < PIECE) {
            uint32_t on, n;

            if (take(&on, &n) == CREDIT)
                credit += get_u32((const unsigned char *)frame);
        }
        say(DATA, stream, block, PIECE);
    }
}

static void flood_log(void)
{
    memset(block, 'l', PIECE);
    for (int i = 0; i < (200 << 20) / PIECE; i++)
        say(LOG, stream, block, PIECE);
    answer("flooded");
}

static void flood_out(void)
{
    memset(block, 'o', PIECE);
    for (int i = 0; i < (200 << 20) / PIECE; i++) {
        if (write(STDOUT_FILENO, block, PIECE) < 0)
            exit(4);
    }
    answer("flooded");
}

static void fork_and_exit(void)
{
    if (fork() == 0)
        hang();
    exit(0);
}

static void no_answer(void)
{
    exit(0);
}

static void half_an_answer(void)
{
    say(DATA, stream, "half", 4);
    exit(9);
}

static void segfault(void)
{
    raise(SIGSEGV);
}

static void end_abnormally(void)
{
    abort();
}

static void version_2(void)
{
    say(READY, 0, "{\"version\":2}", 13);
}

static const struct {
    const char *word;
    void (*run)(void);
} words[] = {
        {"garbage", garbage},
        {"forged", forged},
        {"other-answer", other_answer},
        {"beyond", beyond},
        {"oversize", oversize},
        {"end-twice", end_twice},
        {"hang-up", hang_up},
        {"hang", hang},
        {"half-a-frame", half_a_frame},
        {"much-credit", much_credit},
        {"reset", reset},
        {"ready-again", ready_again},
        {"assign-back", assign_back},
        {"bad-summary", bad_summary},
        {"flood-data", flood_data},
        {"flood-log", flood_log},
        {"flood-out", flood_out},
        {"fork-and-exit", fork_and_exit},
        {"no-answer", no_answer},
        {"half-an-answer", half_an_answer},
        {"segfault", segfault},
        {"abort", end_abnormally},
        {"version-2", version_2},
};

/* Does the text begin with a word of ours, up to a byte that is not of a word? */
static int misbehave(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyz-0123456789");

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i].word) == n && memcmp(words[i].word, text, n) == 0) {
            words[i].run();
            return 1;
        }
    }
    return 0;
}

static void at_boot(const char *self)
{
    char path[4096], text[64] = "";
    int fd;

    (void)snprintf(path, sizeof(path), "%s.boot", self);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, text, sizeof(text) - 1) > 0 && misbehave(text))
        hang();
    close(fd);
}

static void at_load(const char *assign)
{
    static const char key[] = "\"handler\":\"load.";
    const char *handler = strstr(assign, key);

    if (handler && misbehave(handler + sizeof(key) - 1))
        hang();
}

/* Takes the request, unless the first bytes of it say not to. Returns 0: never mind the rest. */
static int take_request(void)
{
    uint32_t on, n, owed = 0;
    int type;

    event_bytes = 0;
    while ((type = take(&on, &n)) != END) {
        if (type == OPEN)
            stream = on;
        if (type != DATA)
            continue;
        event = realloc(event, event_bytes + n + 1);
        if (!event)
            exit(5);
        memcpy(event + event_bytes, frame, n);
        event_bytes += n;
        event[event_bytes] = '\0';
        if (strncmp(event, "\"never-reads", 12) == 0)
            hang();
        if (strncmp(event, "\"early", 6) == 0)
            return 0;
        owed += n;
        if (owed >= WINDOW / 2) {
            unsigned char grant[4];

            put_u32(grant, owed);
            say(CREDIT, stream, grant, sizeof(grant));
            owed = 0;
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    uint32_t on, n;

    at_boot(argc > 0 ? argv[0] : "");
    say(READY, 0, "{\"version\":1}", 13);
    if (take(&on, &n) != ASSIGN)
        return 6;
    at_load(frame);
    say(READY, 0, "{}", 2);
    for (;;) {
        if (!take_request())
            answer("early");
        else if (!(event_bytes > 0 && event[0] == '"' && misbehave(event + 1)))
            answer("tame");
    }
}
