/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_host.c - interpreters, disk, clock, limits, port, and the daemon if there is one. */
#include "cli/doctor.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/units.h"
#include "cli/view.h"
#include "conf/address.h"
#include "conf/options.h"
#include "runtime/runtime.h"

enum { VERSION_MS = 5000, FILES_WANTED = 16384, WATCHES_WANTED = 8192 };

#define DISK_WANTED ((uint64_t)1 << 30)

/* The first line `program --version` prints, on stdout or stderr; "" when it does not. */
static void version_of(const char *program, char out[64])
{
    char *argv[] = {(char *)program, (char *)"--version", NULL}, *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    struct pollfd answer;
    int ends[2], status;
    ssize_t n = 0;
    pid_t pid;

    out[0] = 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    if (posix_spawn(&pid, program, &actions, NULL, argv, environment) == 0) {
        ends[1] = fd_close(ends[1]);
        answer = (struct pollfd){.fd = ends[0], .events = POLLIN};
        if (poll(&answer, 1, VERSION_MS) == 1)
            n = read(ends[0], out, 63);
        (void)kill(pid, SIGKILL); /* it has said what it has to say */
        (void)waitpid(pid, &status, 0);
    }
    posix_spawn_file_actions_destroy(&actions);
    (void)fd_close(ends[0]);
    (void)fd_close(ends[1]);
    out[n > 0 ? n : 0] = 0;
    out[strcspn(out, "\r\n")] = 0;
}

/* "Python3.6, Python3.9, ..." of all clouds, each once. */
static void add_runtimes(const char *worker, struct buf *out)
{
    for (size_t i = 0; i < runtimes_n; i++) {
        size_t k = 0;

        if (!runtimes[i].worker || strcmp(runtimes[i].worker, worker) != 0)
            continue;
        while (k < i && strcmp(runtimes[k].name, runtimes[i].name) != 0)
            k++;
        if (k == i)
            buf_addf(out, "%s%s", out->n ? ", " : "", runtimes[i].name);
    }
}

static void probe_interpreter(const char *worker, const char *program, struct finding *f)
{
    cleanup_with(buf_done) struct buf names;
    char version[64];

    buf_init(&names, 4096);
    add_runtimes(worker, &names);
    if (access(program, X_OK) < 0) {
        finding_set(f, DOCTOR_LESS, "no %s: %.*s do not run", program,
                    (int)(names.n < 120 ? names.n : 120), names.p);
        for (size_t i = 0; i < worker_kinds_n; i++)
            if (strcmp(worker_kinds[i].id, worker) == 0)
                finding_next(f, "apt-get install %s, or name the program with --%s",
                             worker_kinds[i].package, worker);
        return;
    }
    version_of(program, version);
    if (!version[0])
        finding_set(f, DOCTOR_LESS, "%s does not answer to --version", program);
    else
        finding_set(f, DOCTOR_OK, "%s at %s, for %s", version, program, names.p);
}

static void probe_python(const struct doctor *d, struct finding *f)
{
    probe_interpreter("python", d->options->python, f);
}

static void probe_node(const struct doctor *d, struct finding *f)
{
    probe_interpreter("node", d->options->node, f);
}

/* The directory, or the nearest one above it that is there. Owned. */
static char *nearest_directory(const char *path)
{
    char *at = xstrdup(path), *slash;

    while (access(at, F_OK) < 0 && (slash = strrchr(at, '/')) && slash != at)
        *slash = 0;
    return at;
}

static void probe_data(const struct doctor *d, struct finding *f)
{
    cleanup_free char *at = nearest_directory(d->options->data);
    char left[UNITS_TEXT];
    cleanup_close int fd = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct statvfs fs;
    uint64_t bytes;

    if (fd < 0 || access(at, W_OK) < 0 || statvfs(at, &fs) < 0) {
        finding_set(f, DOCTOR_MISSING, "%.128s: %s", at, strerror(errno));
        return;
    }
    bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    finding_set(f, bytes < DISK_WANTED ? DOCTOR_LESS : DOCTOR_OK, "%.128s, %s free",
                d->options->data, units_bytes(bytes, left));
}

static void probe_files(const struct doctor *d, struct finding *f)
{
    struct rlimit r = {0};

    (void)d;
    (void)getrlimit(RLIMIT_NOFILE, &r);
    finding_set(f, r.rlim_max < FILES_WANTED ? DOCTOR_LESS : DOCTOR_OK, "%llu at most",
                (unsigned long long)r.rlim_max);
}

static void probe_inotify(const struct doctor *d, struct finding *f)
{
    cleanup_with(buf_done) struct buf text;
    uint64_t n = 0;

    (void)d;
    buf_init(&text, 64);
    if (io_read_file(AT_FDCWD, "/proc/sys/fs/inotify/max_user_watches", &text, NULL) >= 0) {
        struct str line = buf_str(&text);

        (void)str_u64(str_cut(&line, '\n'), 0, UINT64_MAX, &n);
    }
    finding_set(f, n < WATCHES_WANTED ? DOCTOR_LESS : DOCTOR_OK, "%llu watches",
                (unsigned long long)n);
}

static void probe_clock(const struct doctor *d, struct finding *f)
{
    struct timex t = {0};

    (void)d;
    if (adjtimex(&t) == -1)
        finding_set(f, DOCTOR_LESS, "adjtimex: %s", strerror(errno));
    else if (t.status & STA_UNSYNC)
        finding_set(f, DOCTOR_LESS, "not kept by anybody");
    else
        finding_set(f, DOCTOR_OK, "kept in step");
}

/* Is it free? 0, or the errno of bind(2). */
static int try_listen(const char *where)
{
    cleanup_close int fd = -EBADF;
    union address a;
    socklen_t n;
    int one = 1;

    if (address_parse(str_of(where), &a, &n, NULL) < 0)
        return EINVAL;
    fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    return bind(fd, &a.any, n) < 0 ? errno : 0;
}

/* What the daemon says of its sandbox; false: nobody answers. */
static bool ask_daemon(const struct doctor *d, struct cJSON **ret, struct err *e)
{
    cleanup_with(client_freep) struct client *client = NULL;

    return client_new(d->common, &client, e) >= 0 &&
           client_get(client, S("/evoke/v1/status"), STR_NONE, ret, e) >= 0;
}

static void probe_daemon(const struct doctor *d, struct finding *f)
{
    cleanup_with(json_freep) struct cJSON *status = NULL;
    const struct cJSON *sandbox;
    struct err e = {0};
    int busy;

    if (ask_daemon(d, &status, &e)) {
        sandbox = json_get(status, "sandbox");
        finding_set(f, sandbox ? DOCTOR_OK : DOCTOR_MISSING, "version %.*s, %lld functions%s%.*s",
                    STR_ARG(view_text(status, "version")), (long long)view_int(status, "functions"),
                    sandbox ? "" : ", without a launcher", STR_ARG(view_text(sandbox, "note")));
        return;
    }
    busy = try_listen(d->options->listen);
    if (busy == EADDRINUSE || e.code != -ECONNREFUSED)
        finding_set(f, DOCTOR_LESS, "%s", e.msg);
    else if (busy)
        finding_set(f, DOCTOR_MISSING, "none, and %s cannot be listened on: %s", d->options->listen,
                    strerror(busy));
    else
        finding_set(f, DOCTOR_OK, "none runs; %s is free for one", d->options->listen);
    if (busy == EADDRINUSE && e.code == -ECONNREFUSED)
        finding_next(f, "another program has %s: say --listen, or --endpoint if it is elsewhere",
                     d->options->listen);
}

static const struct check checks[] = {
        {.name = "python", .why = "functions in Python do not run", .probe = probe_python},
        {.name = "node", .why = "functions in Node.js do not run", .probe = probe_node},
        {.name = "data",
         .why = "functions, their code and their logs are kept there",
         .next = "free some space, or say --data DIR",
         .probe = probe_data},
        {.name = "files",
         .why = "an instance needs a few descriptors, a connection one",
         .next = "LimitNOFILE=65536 in the unit, or ulimit -Hn 65536",
         .probe = probe_files},
        {.name = "inotify",
         .why = "`evoke deploy --watch` may miss what is saved",
         .next = "sysctl fs.inotify.max_user_watches=65536",
         .probe = probe_inotify},
        {.name = "clock",
         .why = "signed requests are refused when a clock is 15 minutes off; timers fire late",
         .next = "apt-get install systemd-timesyncd (a container has its host's clock)",
         .probe = probe_clock},
        {.name = "daemon",
         .why = "the command line talks to it",
         .next = "the daemon's own log says more: journalctl -u evoke",
         .probe = probe_daemon},
};

const struct check_table doctor_host = {checks, ARRAY_LEN(checks)};
