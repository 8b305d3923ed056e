/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe_bootstrap.c - a native "function" that tells what it sees from inside.
 *
 * One SOCK_STREAM on descriptor 3. Commands come one per line, one at a time; the answer ends with
 * a line that is a single dot. It runs inside the sandbox and has nothing but libc.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "probe.h"

enum { CHANNEL = 3 };

extern char **environ;

static FILE *out;

static void say_errno(long r)
{
    int code = r < 0 ? errno : 0;

    fprintf(out, "%s\n", code ? strerrorname_np(code) : "OK");
}

static void on_ids(const char *arg)
{
    (void)arg;
    fprintf(out, "uid %u gid %u pid %d\n", getuid(), getgid(), getpid());
}

static void on_cat(const char *arg)
{
    FILE *f = fopen(arg, "re");
    char line[512];

    if (!f) {
        say_errno(-1);
        return;
    }
    while (fgets(line, sizeof line, f))
        fputs(line, out);
    (void)fclose(f);
}

static void on_ls(const char *arg)
{
    DIR *d = opendir(arg);

    if (!d) {
        say_errno(-1);
        return;
    }
    for (struct dirent *de = readdir(d); de; de = readdir(d)) {
        if (de->d_name[0] != '.' &&
            !(d && strcmp(arg, "/proc/self/fd") == 0 && atoi(de->d_name) == dirfd(d)))
            fprintf(out, "%s ", de->d_name);
    }
    fprintf(out, "\n");
    (void)closedir(d);
}

static void on_write(const char *arg)
{
    int fd = open(arg, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    say_errno(fd);
    if (fd >= 0)
        close(fd);
}

static void on_connect(const char *arg)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)atoi(arg)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    say_errno(connect(s, (struct sockaddr *)&to, sizeof to));
    close(s);
}

static void on_abstract(const char *arg)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    size_t n = strlen(arg);

    memcpy(to.sun_path + 1, arg, n);
    say_errno(connect(s, (struct sockaddr *)&to,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n)));
    close(s);
}

static void on_socket(const char *arg)
{
    int s = socket(atoi(arg), SOCK_STREAM | SOCK_CLOEXEC, 0);

    say_errno(s);
    if (s >= 0)
        close(s);
}

/* Bring lo's own address to work: a listener inside, a connect to it. */
static void on_loopback(const char *arg)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)arg;
    if (bind(l, (struct sockaddr *)&at, n) < 0 || listen(l, 1) < 0 ||
        getsockname(l, (struct sockaddr *)&at, &n) < 0)
        say_errno(-1);
    else
        say_errno(connect(c, (struct sockaddr *)&at, n));
    close(l);
    close(c);
}

static void on_forbidden(const char *arg)
{
    (void)arg;
    fprintf(out, "mount ");
    say_errno(mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
    fprintf(out, "umount ");
    say_errno(umount2("/code", MNT_DETACH));
    fprintf(out, "unshare-user ");
    say_errno(unshare(CLONE_NEWUSER));
    fprintf(out, "clone-user ");
    say_errno(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0));
    fprintf(out, "ptrace-init ");
    say_errno(ptrace(PTRACE_ATTACH, 1, NULL, NULL));
    fprintf(out, "kill-init ");
    say_errno(kill(1, SIGKILL));
    fprintf(out, "io-uring ");
    say_errno(syscall(SYS_io_uring_setup, 1, NULL));
    fprintf(out, "bpf ");
    say_errno(syscall(SYS_bpf, 0, NULL, 0));
    fprintf(out, "setuid ");
    say_errno(setuid(0));
    fprintf(out, "chroot ");
    say_errno(chroot("/tmp"));
    fprintf(out, "sethostname ");
    say_errno(sethostname("x", 1));
    fprintf(out, "init-mem ");
    say_errno(open("/proc/1/mem", O_RDONLY | O_CLOEXEC));
    fprintf(out, "core-pattern ");
    say_errno(open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC));
}

static void on_limit(const char *arg)
{
    struct rlimit l = {0};

    (void)getrlimit((__rlimit_resource_t)atoi(arg), &l);
    fprintf(out, "%llu %llu\n", (unsigned long long)l.rlim_cur, (unsigned long long)l.rlim_max);
}

static void on_exit_code(const char *arg)
{
    _exit(atoi(arg));
}

static void on_signal(const char *arg)
{
    (void)kill(getpid(), atoi(arg));
}

/* Touch that many MiB; answers OK or ENOMEM, or never. */
static void on_hog(const char *arg)
{
    size_t n = (size_t)atoi(arg) << 20;
    char *p = malloc(n);

    if (!p) {
        say_errno(-1);
        return;
    }
    memset(p, 1, n);
    __asm__ volatile("" : : "r"(p) : "memory");
    say_errno(0);
    free(p);
}

/* Fork until refused: how many lived at once. The children stay. */
static void on_bomb(const char *arg)
{
    int n = 0;

    (void)arg;
    for (; n < 100000; n++) {
        pid_t pid = fork();

        if (pid < 0)
            break;
        if (pid == 0) {
            for (;;)
                pause();
        }
    }
    fprintf(out, "%d %s\n", n, strerrorname_np(errno));
}

/* Daemons in sessions of their own that ignore what can be ignored. */
static void on_daemons(const char *arg)
{
    for (int i = atoi(arg); i > 0; i--) {
        pid_t pid = fork();

        if (pid != 0)
            continue;
        (void)setsid();
        for (int sig = 1; sig < NSIG; sig++)
            (void)signal(sig, SIG_IGN);
        if (fork() > 0)
            _exit(0);
        for (;;)
            pause();
    }
    fprintf(out, "OK\n");
}

static void on_fill(const char *arg)
{
    int fd = open("/tmp/full", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    static char mib[1 << 20];
    int n = 0;

    while (n < atoi(arg) && write(fd, mib, sizeof mib) == (ssize_t)sizeof mib)
        n++;
    fprintf(out, "%d %s\n", n, n < atoi(arg) ? "ENOSPC" : "OK");
    close(fd);
    (void)unlink("/tmp/full");
}

static void on_env(const char *arg)
{
    (void)arg;
    for (char **p = environ; *p; p++)
        fprintf(out, "%s\n", *p);
}

static void on_cwd(const char *arg)
{
    char path[256];

    (void)arg;
    fprintf(out, "%s\n", getcwd(path, sizeof path) ? path : "?");
}

static void on_host(const char *arg)
{
    char name[64] = "";

    (void)arg;
    (void)gethostname(name, sizeof name - 1);
    fprintf(out, "%s\n", name);
}

static void on_interfaces(const char *arg)
{
    struct if_nameindex *all = if_nameindex();

    (void)arg;
    for (struct if_nameindex *i = all; i && i->if_index; i++)
        fprintf(out, "%s ", i->if_name);
    fprintf(out, "\n");
    if_freenameindex(all);
}

static void on_log(const char *arg)
{
    printf("%s\n", arg);
    (void)fflush(stdout);
    fprintf(stderr, "%s on stderr\n", arg);
    fprintf(out, "OK\n");
}

static const struct {
    const char *name;
    void (*run)(const char *arg);
} commands[] = {
        {"ids", on_ids},
        {"cat", on_cat},
        {"ls", on_ls},
        {"write", on_write},
        {"connect", on_connect},
        {"abstract", on_abstract},
        {"socket", on_socket},
        {"loopback", on_loopback},
        {"forbidden", on_forbidden},
        {"limit", on_limit},
        {"exit", on_exit_code},
        {"signal", on_signal},
        {"hog", on_hog},
        {"bomb", on_bomb},
        {"daemons", on_daemons},
        {"fill", on_fill},
        {"env", on_env},
        {"cwd", on_cwd},
        {"host", on_host},
        {"interfaces", on_interfaces},
        {"log", on_log},
};

int probe_serve(bool greet)
{
    FILE *in = fdopen(dup(CHANNEL), "re");
    char line[512];

    out = fdopen(CHANNEL, "we");
    if (!in || !out)
        return 90;
    if (greet) {
        fputs("ready\n.\n", out);
        (void)fflush(out);
    }
    while (fgets(line, sizeof line, in)) {
        char *arg = strchr(line, ' ');
        bool known = false;

        line[strcspn(line, "\n")] = '\0';
        if (arg)
            *arg++ = '\0';
        for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
            if (strcmp(line, commands[i].name) == 0) {
                commands[i].run(arg ? arg : "");
                known = true;
            }
        }
        fprintf(out, "%s.\n", known ? "" : "no such command\n");
        (void)fflush(out);
    }
    return 0;
}

#ifndef PROBE_IS_FORKED
int main(int argc, char **argv)
{
    return probe_serve(argc > 1 && strcmp(argv[1], "ready") == 0);
}
#endif
