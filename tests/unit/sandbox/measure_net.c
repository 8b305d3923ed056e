/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure_net.c - what a box costs: time to make, take, open, give back and clean, and memory.
 *
 * For the figures of docs/adr/0007-network.md, as root, in a network namespace of its own:
 *
 *   ninja -C build tests/unit/sandbox/measure-net && build/tests/unit/sandbox/measure-net [FILE]
 *
 * FILE says how many bytes our cgroup holds (memory.kmem.usage_in_bytes, memory.current); without it,
 * the machine's unreclaimable slab is asked, which others change too.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/obj.h"
#include "sandbox/net.h"

enum { BOXES = 200, ROUNDS = 400 };

enum step { MAKE, TAKE, OPEN, GIVE_BACK, CLEAN, STEPS };

static const char *const names[STEPS] = {[MAKE] = "make and take",
                                         [TAKE] = "take a ready one",
                                         [OPEN] = "net_set_policy(egress)",
                                         [GIVE_BACK] = "net_give_back",
                                         [CLEAN] = "clean, off the path"};

static uint64_t took[STEPS][ROUNDS];

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void print(enum step step, size_t n)
{
    qsort(took[step], n, sizeof took[step][0], by_size);
    printf("%-24s n %zu  median %.3f ms  p95 %.3f  max %.3f\n", names[step], n,
           (double)took[step][n / 2] / 1e6, (double)took[step][n * 95 / 100] / 1e6,
           (double)took[step][n - 1] / 1e6);
}

static long long bytes(const char *file)
{
    FILE *f = fopen(file ? file : "/proc/meminfo", "re");
    long long found = -1;
    char line[128];

    while (f && found < 0 && fgets(line, sizeof line, f)) {
        if (file)
            found = atoll(line);
        else if (strncmp(line, "SUnreclaim:", 11) == 0)
            found = atoll(line + 11) * 1024;
    }
    if (f)
        (void)fclose(f);
    return found;
}

static void must(int r, const struct err *e)
{
    if (r >= 0)
        return;
    fprintf(stderr, "%s\n", e->msg);
    exit(1);
}

static void time_step(enum step step, size_t i, uint64_t *since)
{
    uint64_t now = clock_mono_ns();

    took[step][i] = now - *since;
    *since = now;
}

static void measure(int stub, const char *file)
{
    static struct net_box boxes[BOXES];
    struct net *n = NULL;
    struct err e = {0};
    uint64_t t;
    long long before;

    must(net_open(true, stub, &n, &e), &e);
    if (!net_can(n, NET_EGRESS))
        fprintf(stderr, "without egress, so without cables: %s\n", net_note(n));
    before = bytes(file);
    t = clock_mono_ns();
    for (size_t i = 0; i < BOXES; i++) {
        must(net_take(n, &boxes[i], &e), &e);
        time_step(MAKE, i, &t);
    }
    printf("memory: %.1f KiB a box\n", (double)(bytes(file) - before) / 1024 / BOXES);
    for (size_t i = 0; i < BOXES; i++)
        net_give_back(n, &boxes[i]);
    while (net_refill(n))
        ;
    for (size_t i = 0; i < ROUNDS; i++) {
        t = clock_mono_ns();
        must(net_take(n, &boxes[0], &e), &e);
        time_step(TAKE, i, &t);
        must(net_set_policy(n, &boxes[0], NET_EGRESS, &e), &e);
        time_step(OPEN, i, &t);
        net_give_back(n, &boxes[0]);
        time_step(GIVE_BACK, i, &t);
        (void)net_refill(n);
        time_step(CLEAN, i, &t);
    }
    print(MAKE, BOXES);
    for (enum step s = TAKE; s < STEPS; s++)
        print(s, ROUNDS);
    net_free(n);
}

int main(int argc, char **argv)
{
    struct err e = {0};
    int ends[2];
    pid_t pid;

    if (unshare(CLONE_NEWNET) < 0 || net_lo_up(&e) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        perror("a network namespace for the measurement");
        return 1;
    }
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        measure(ends[1], argc > 1 ? argv[1] : NULL);
        exit(0);
    }
    close(ends[1]);
    struct net_stub *stub = net_stub_serve(ends[0], pid);
    int status = 1;

    (void)waitpid(pid, &status, 0);
    net_stub_free(stub);
    return status != 0;
}
