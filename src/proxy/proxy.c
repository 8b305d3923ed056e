/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy.c - listens on loopback, and gives every connection a process; see proxy.h.
 *
 * A process per connection, because it is the simplest thing that is right: names are looked up,
 * addresses dialled and handshakes waited for in it without anybody else noticing, what goes wrong
 * in one ends with it, and when we end they all do. A developer's tool has tens of connections; it
 * has no more than CONNECTIONS, and who comes then waits in the listener's queue.
 *
 * What always holds: we listen on 127.0.0.1 only; signals come by a descriptor, so none is lost
 * between looking and waiting; a connection's process ends when this one does, however it ends.
 */
#include "proxy/proxy.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/obj.h"
#include "proxy/internal.h"

enum { CONNECTIONS = 64, BACKLOG = 256 };

/* ---- life ---- */

char *proxy_directory(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

    if (config && config[0] == '/')
        return xasprintf("%s/evoke/proxy", config);
    return home && home[0] == '/' ? xasprintf("%s/.config/evoke/proxy", home) : NULL;
}

/* "http://host[:port][/]" */
static int read_daemon(const char *url, struct proxy *p, struct err *e)
{
    struct str rest = str_of(url), host;
    uint64_t port = 80;

    if (!str_starts(rest, S("http://")))
        return err_set(e, ERR_CALLER, -EINVAL, "the endpoint '%.128s' is not http://HOST:PORT",
                       url);
    rest = str_from(rest, strlen("http://"));
    host = str_cut(&rest, '/');
    if (host.n > 0 && host.p[0] == '[') {
        rest = str_from(host, 1);
        host = str_cut(&rest, ']');
        (void)str_cut(&rest, ':');
    } else {
        rest = host;
        host = str_cut(&rest, ':');
    }
    if (host.n == 0 || (rest.p && rest.n > 0 && str_u64(rest, 1, UINT16_MAX, &port) < 0))
        return err_set(e, ERR_CALLER, -EINVAL, "the endpoint '%.128s' is not http://HOST:PORT",
                       url);
    p->daemon_host = str_dup(host);
    p->daemon_port = (uint16_t)port;
    return 0;
}

static int listen_on(struct proxy *p, uint16_t port, struct err *e)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons(port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    int one = 1;

    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->listener < 0 ||
        setsockopt(p->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0 ||
        bind(p->listener, (struct sockaddr *)&a, n) < 0 || listen(p->listener, BACKLOG) < 0 ||
        getsockname(p->listener, (struct sockaddr *)&a, &n) < 0)
        return err_sys(e, "listen on 127.0.0.1:%u", port);
    p->port = ntohs(a.sin_port);
    return 0;
}

int proxy_open(const struct proxy_conf *conf, struct proxy **ret, struct err *e)
{
    cleanup_with(proxy_freep) struct proxy *p = xnew(struct proxy);
    int r;

    p->listener = -EBADF;
    p->strict = conf->strict;
    p->tell = conf->tell;
    r = read_daemon(conf->daemon, p, e);
    if (r == 0)
        r = ca_load(conf->ca, &p->ca, e);
    if (r == 0)
        r = ca_write_bundle(p->ca, conf->ca, getenv("SSL_CERT_FILE"), e);
    if (r == 0)
        r = listen_on(p, conf->port, e);
    if (r < 0)
        return r;
    *ret = TAKE_PTR(p);
    return 0;
}

struct proxy *proxy_free(struct proxy *p)
{
    if (!p)
        return NULL;
    p->ca = ca_free(p->ca);
    p->listener = fd_close(p->listener);
    free(p->daemon_host);
    free(p);
    return NULL;
}

void proxy_freep(struct proxy **p)
{
    *p = proxy_free(*p);
}

uint16_t proxy_port(const struct proxy *p)
{
    return p->port;
}

/* ---- serving ---- */

static sigset_t awaited(void)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGCHLD);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    return set;
}

void proxy_signals(void)
{
    sigset_t set = awaited();

    (void)sigprocmask(SIG_BLOCK, &set, NULL);
}

struct serving {
    struct proxy *p;
    pid_t command;               /* 0: none, or ended */
    pid_t children[CONNECTIONS]; /* 0: free */
    size_t n;
    int signals;
    int status; /* the command's */
    bool over;
};

static void be_connection(const struct proxy *p, int fd, pid_t parent)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t set = awaited();

    /* Ctrl-C is for the command, which may have a last word to say through us. */
    (void)sigaction(SIGINT, &ignore, NULL);
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
        connection_serve(p, fd);
    _exit(0);
}

static void accept_one(struct serving *s)
{
    cleanup_close int fd = accept4(s->p->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    pid_t self = getpid(), pid;

    if (fd < 0)
        return; /* it has gone again */
    pid = fork();
    if (pid == 0) {
        (void)close(s->p->listener);
        (void)close(s->signals);
        be_connection(s->p, fd, self);
    }
    if (pid < 0)
        return; /* no process left: the client sees its connection closed */
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (s->children[i] == 0) {
            s->children[i] = pid;
            s->n++;
            return;
        }
    assert(!"there is room: nothing is accepted without");
}

static void forget(struct serving *s, pid_t pid)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (s->children[i] == pid) {
            s->children[i] = 0;
            s->n--;
        }
}

static void reap(struct serving *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == s->command) {
            s->command = 0;
            s->status = status;
            s->over = true;
        }
        forget(s, pid);
    }
}

static void on_signal(struct serving *s)
{
    struct signalfd_siginfo info;

    if (read(s->signals, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGCHLD)
        reap(s);
    else if (s->command == 0)
        s->over = true;
    else if (info.ssi_signo != SIGINT) /* which the terminal has given to the command as well */
        (void)kill(s->command, (int)info.ssi_signo);
}

static void end_connections(struct serving *s)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        if (s->children[i] != 0) {
            (void)kill(s->children[i], SIGTERM);
            (void)waitpid(s->children[i], NULL, 0);
        }
}

int proxy_serve(struct proxy *p, pid_t command, int *ret_status, struct err *e)
{
    sigset_t set = awaited();
    cleanup_close int signals = signalfd(-1, &set, SFD_CLOEXEC);
    struct serving s = {.p = p, .command = command, .signals = signals};

    if (signals < 0)
        return err_sys(e, "signals");
    while (!s.over) {
        struct pollfd fds[2] = {{.fd = signals, .events = POLLIN},
                                {.fd = s.n < CONNECTIONS ? p->listener : -1, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0 && errno != EINTR) /* for as long as the user likes */
            return err_sys(e, "poll");
        if (fds[0].revents)
            on_signal(&s);
        if (fds[1].revents && !s.over)
            accept_one(&s);
    }
    end_connections(&s);
    if (ret_status)
        *ret_status = s.status;
    return 0;
}

/* ---- for programs ---- */

enum what { THE_PROXY, NOT_FOR, OUR_ROOT, ALL_ROOTS };

static const struct {
    const char *name;
    enum what what;
} variables[] = {
        {"http_proxy", THE_PROXY},         {"https_proxy", THE_PROXY},   {"HTTP_PROXY", THE_PROXY},
        {"HTTPS_PROXY", THE_PROXY},        {"no_proxy", NOT_FOR},        {"NO_PROXY", NOT_FOR},
        {"NODE_EXTRA_CA_CERTS", OUR_ROOT}, /* Node.js adds it to its own */
        {"REQUESTS_CA_BUNDLE", ALL_ROOTS}, /* Python requests */
        {"SSL_CERT_FILE", ALL_ROOTS},      /* OpenSSL, Go */
        {"CURL_CA_BUNDLE", ALL_ROOTS},     {"AWS_CA_BUNDLE", ALL_ROOTS},
};

bool proxy_variable(size_t i, const char *directory, uint16_t port, const char **ret_name,
                    struct buf *out)
{
    if (i >= ARRAY_LEN(variables))
        return false;
    *ret_name = variables[i].name;
    switch (variables[i].what) {
    case THE_PROXY:
        buf_addf(out, "http://127.0.0.1:%u", port);
        break;
    case NOT_FOR:
        buf_addz(out, "localhost,127.0.0.1,::1,.localhost");
        break;
    case OUR_ROOT:
        buf_addf(out, "%s/ca.pem", directory);
        break;
    case ALL_ROOTS:
        buf_addf(out, "%s/bundle.pem", directory);
        break;
    }
    return true;
}
