/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.c - tries what function code must not be able to do, inside whatever process loads it.
 *
 * One shared object for every language: Python loads it with ctypes, Node.js with process.dlopen(),
 * the test itself outside any sandbox, to see that the same attempt succeeds there. What is tried is
 * not here but in the table of tests/integration/escape/, as a little program of system calls:
 *
 *   program = step { " ; " step }        ends at the first step that fails
 *   step    = op { " " argument }        op: number of a system call, or a word of words[] below
 *   argument = i<number> | x<hex bytes, NUL added> | r<result of step n> | b<scratch buffer n>
 *
 * Each program runs in a forked child, so that what it changes in itself (a uid, a namespace, a
 * limit) stays there, and ends after LIMIT_S. The verdict is one line:
 *
 *   done <result of the last step> <text in scratch buffer 0>
 *   errno <number> <step>
 *   signal <number>          "signal 14" is a call that never came back
 *
 * The child allocates nothing: its parent may have had other threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STEPS = 16,
    ARGS = 6,
    SCRATCH = 8,
    SCRATCH_BYTES = 4096,
    TEXT = 16384,
    LIMIT_S = 3,
    SHOWN = 200
};

struct step {
    long (*word)(const long *args);
    long args[1 + ARGS];        /* [0]: number of the system call */
    signed char from[1 + ARGS]; /* result of an earlier step instead; -1: no */
};

struct program {
    struct step steps[STEPS];
    int n;
};

__attribute__((visibility("default"))) int probe_run(const char *text, char *verdict, size_t size);

static char scratch[SCRATCH][SCRATCH_BYTES];
static char bytes[TEXT];
static size_t bytes_used;

/* ---- words: what is more than one system call ---- */

/* The 32-bit gate of a 64-bit kernel; x32 needs no word, it is a bit of the number. */
static long word_int80(const long *args)
{
    long r = -ENOSYS;

#if defined(__x86_64__)
    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(args[0]), "b"(args[1])
                     : "memory", "r8", "r9", "r10", "r11");
#endif
    return r;
}

/* 32-bit integer at an offset, as if a call had returned it: answers of netlink. */
static long word_peek(const long *args)
{
    int32_t v;

    memcpy(&v, (const char *)args[0] + args[1], sizeof v); /* NOLINT(performance-no-int-to-ptr) */
    return v;
}

static long word_equal(const long *args)
{
    return args[0] == args[1] ? 0 : -ERANGE;
}

/* How many files fit below a directory; they stay. At most args[1]. */
static long word_files(const long *args)
{
    char name[256];
    long n;

    for (n = 0; n < args[1]; n++) {
        int fd;

        (void)snprintf(name, sizeof name, "%s/file-%ld", (const char *)args[0], n); /* NOLINT */
        fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (fd < 0)
            return errno == ENOSPC ? n : -errno;
        (void)close(fd);
    }
    return -ERANGE;
}

static long word_descriptors(const long *args)
{
    long n;

    for (n = 0; n < args[0]; n++)
        if (dup(0) < 0)
            return errno == EMFILE ? n : -errno;
    return -ERANGE;
}

static int wait_for_the_end(void *unused)
{
    (void)unused;
    (void)pause();
    return 0;
}

/* How many children one may have; they die with us. They share our memory, so that processes are
 * what ends and not memory. */
static long word_forks(const long *args)
{
    enum { CHILDREN = 4096, STACK = 2048 };
    static char stacks[CHILDREN][STACK] __attribute__((aligned(16)));
    static pid_t pids[CHILDREN];
    long n = 0;

    while (n < args[0] && n < CHILDREN) {
        pids[n] = clone(wait_for_the_end, stacks[n] + STACK, CLONE_VM | SIGCHLD, NULL);
        if (pids[n] < 0)
            break;
        n++;
    }
    if (n < args[0] && n < CHILDREN && errno != EAGAIN)
        return -errno;
    for (long i = 0; i < n; i++)
        (void)kill(pids[i], SIGKILL);
    return n < args[0] && n < CHILDREN ? n : -ERANGE;
}

/* Write to a file until there is no room; megabytes. The file is removed again. */
static long word_fill(const long *args)
{
    const char *name = (const char *)args[0]; /* NOLINT(performance-no-int-to-ptr) */
    int fd = open(name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    long n = 0, r = -ERANGE;

    if (fd < 0)
        return -errno;
    while (n < args[1]) {
        if (fallocate(fd, 0, n << 20, 1 << 20) < 0) {
            r = errno == ENOSPC ? n : -errno;
            break;
        }
        n++;
    }
    (void)close(fd);
    (void)unlink(name);
    return r;
}

static const struct {
    const char *name;
    long (*run)(const long *args);
} words[] = {
        {"int80", word_int80},
        {"peek", word_peek},
        {"equal", word_equal},
        {"files", word_files},
        {"descriptors", word_descriptors},
        {"forks", word_forks},
        {"fill", word_fill},
};

/* ---- parse ---- */

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static const char *parse_bytes(const char *p, long *ret)
{
    *ret = (long)(bytes + bytes_used);
    for (; hex(p[0]) >= 0 && hex(p[1]) >= 0; p += 2) {
        if (bytes_used + 2 > sizeof bytes)
            return NULL;
        bytes[bytes_used++] = (char)(hex(p[0]) << 4 | hex(p[1]));
    }
    bytes[bytes_used++] = '\0';
    bytes_used = (bytes_used + 15) & ~(size_t)15; /* some calls want aligned structs */
    return bytes_used < sizeof bytes ? p : NULL;
}

static const char *parse_argument(const char *p, const struct program *prog, long *ret,
                                  signed char *from)
{
    char *end;
    long v;

    if (*p == 'x')
        return parse_bytes(p + 1, ret);
    v = (long)strtoull(p + 1, &end, 0);
    if (end == p + 1)
        return NULL;
    switch (*p) {
    case 'i':
        *ret = v;
        return end;
    case 'r':
        *from = (signed char)v;
        return v >= 0 && v < prog->n ? end : NULL;
    case 'b':
        *ret = v >= 0 && v < SCRATCH ? (long)scratch[v] : 0;
        return *ret ? end : NULL;
    }
    return NULL;
}

static const char *parse_op(const char *p, struct step *s)
{
    size_t n = strcspn(p, " ");
    char *end;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].name) == n && memcmp(words[i].name, p, n) == 0) {
            s->word = words[i].run;
            return p + n;
        }
    s->args[0] = strtol(p, &end, 0);
    return end == p ? NULL : end;
}

static int parse(const char *p, struct program *prog)
{
    bytes_used = 0;
    memset(scratch, 0, sizeof scratch);
    for (prog->n = 0; prog->n < STEPS; prog->n++) {
        struct step *s = &prog->steps[prog->n];
        int at = 0;

        memset(s, 0, sizeof *s);
        memset(s->from, -1, sizeof s->from);
        p = parse_op(p, s);
        while (p && *p == ' ' && p[1] != ';') {
            if (++at > ARGS)
                return -EINVAL;
            p = parse_argument(p + 1, prog, &s->args[at], &s->from[at]);
        }
        if (!p)
            return -EINVAL;
        if (*p == '\0') {
            prog->n++;
            return 0;
        }
        p += strlen(" ; ");
    }
    return -EINVAL;
}

/* ---- run ---- */

static long run_step(const struct step *s, const long *results)
{
    long a[1 + ARGS], r;

    for (int i = 0; i <= ARGS; i++)
        a[i] = s->from[i] >= 0 ? results[s->from[i]] : s->args[i];
    if (s->word)
        return s->word(a + 1);
    r = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    return r < 0 ? -errno : r;
}

static _Noreturn void run(const struct program *prog, int out)
{
    pid_t me = getpid();
    long results[STEPS];
    char line[2 * SHOWN];
    int n = 0;

    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(LIMIT_S);
    for (int i = 0; i < prog->n && n == 0; i++) {
        results[i] = run_step(&prog->steps[i], results);
        if (getpid() != me)
            _exit(0); /* a child that a step has made */
        if (results[i] < 0 && results[i] >= -4095)
            n = snprintf(line, sizeof line, "errno %ld %d", -results[i], i);
    }
    if (n == 0)
        n = snprintf(line, sizeof line, "done %ld %.*s", results[prog->n - 1], SHOWN, scratch[0]);
    (void)!write(out, line, (size_t)n);
    _exit(0);
}

int probe_run(const char *text, char *verdict, size_t size)
{
    struct program prog;
    int fds[2], status = 0;
    ssize_t n;
    pid_t pid;

    if (parse(text, &prog) < 0)
        return snprintf(verdict, size, "no program: %.100s", text);
    if (pipe2(fds, O_CLOEXEC) < 0)
        return snprintf(verdict, size, "no pipe: %d", errno);
    pid = fork();
    if (pid == 0)
        run(&prog, fds[1]);
    (void)close(fds[1]);
    n = pid < 0 ? 0 : read(fds[0], verdict, size - 1);
    verdict[n > 0 ? n : 0] = '\0';
    (void)close(fds[0]);
    if (pid < 0)
        return snprintf(verdict, size, "no fork: %d", errno);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (n <= 0)
        return snprintf(verdict, size, WIFSIGNALED(status) ? "signal %d" : "exit %d",
                        WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return 0;
}

/* ---- Node.js: module.exports is the function text -> verdict (Node-API version 1). Weak, since Python has none. ---- */

typedef struct napi_env_s *napi_env;
typedef struct napi_value_s *napi_value;
typedef struct napi_info_s *napi_info;
typedef napi_value (*napi_callback)(napi_env, napi_info);

__attribute__((weak)) int napi_get_cb_info(napi_env, napi_info, size_t *, napi_value *,
                                           napi_value *, void **);
__attribute__((weak)) int napi_get_value_string_utf8(napi_env, napi_value, char *, size_t,
                                                     size_t *);
__attribute__((weak)) int napi_create_string_utf8(napi_env, const char *, size_t, napi_value *);
__attribute__((weak)) int napi_create_function(napi_env, const char *, size_t, napi_callback,
                                               void *, napi_value *);
__attribute__((visibility("default"))) napi_value napi_register_module_v1(napi_env env,
                                                                          napi_value exports);

static napi_value node_run(napi_env env, napi_info info)
{
    static char text[TEXT], verdict[1024];
    napi_value arg, ret = NULL;
    size_t argc = 1, n;

    if (napi_get_cb_info(env, info, &argc, &arg, NULL, NULL) || argc != 1 ||
        napi_get_value_string_utf8(env, arg, text, sizeof text, &n))
        return NULL;
    (void)probe_run(text, verdict, sizeof verdict);
    (void)napi_create_string_utf8(env, verdict, strlen(verdict), &ret);
    return ret;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports)
{
    napi_value f = NULL;

    (void)exports;
    (void)napi_create_function(env, "probe", strlen("probe"), node_run, NULL, &f);
    return f;
}
