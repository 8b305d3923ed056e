/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log.c - one event, one line, one write(2) or one datagram to the journal.
 *
 * Three processes and several threads share one stderr. A line that leaves in a single write of at
 * most PIPE_BUF bytes is never cut in two by somebody else's (pipe(7)), so writing needs no lock.
 *
 * The rules can change while threads log. They lie in a ring of four and an index says which one is
 * in force: a thread would have to sleep through four reloads in the middle of a line to read a mix,
 * and would then choose a wrong level once.
 *
 * The limiter is locked, and only tried: a thread that finds it taken writes its line, counted or
 * not, and a child forked while another thread held it still has a log.
 */
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log_limit.h"
#include "base/log_text.h"

enum { RING = 4, LEVELS = 4 };

static char process_name[32] = "evoke";
static struct log_conf ring[RING] = {{.level = LOG_INFO}};
static atomic_uint in_force;
static atomic_int journal = -EBADF; /* owned; connected to journald */
static pthread_mutex_t limiter = PTHREAD_MUTEX_INITIALIZER;
static struct log_limit limit;

/* ---- the rules ---- */

static int parse_level(struct str s, enum log_level *ret, struct err *e)
{
    for (int i = 0; i < LEVELS; i++)
        if (str_eq(s, str_of(log_level_names[i]))) {
            *ret = (enum log_level)i;
            return 0;
        }
    return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is not err, warn, info or debug",
                   (int)(s.n > 40 ? 40 : s.n), s.p ? s.p : "");
}

static bool is_component(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') &&
            s.p[i] != '-' && s.p[i] != '_')
            return false;
    return s.n > 0 && s.n < LOG_COMPONENT;
}

static int add_rule(struct log_conf *c, struct str component, struct str level, struct err *e)
{
    if (!is_component(component))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.*s' is no component: 1 to %d of a-z, 0-9, - and _",
                       (int)(component.n > 40 ? 40 : component.n), component.p ? component.p : "",
                       LOG_COMPONENT - 1);
    for (uint32_t i = 0; i < c->nrules; i++)
        if (str_eq(component, str_of(c->rules[i].component)))
            return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is named twice", STR_ARG(component));
    if (c->nrules == LOG_RULES)
        return err_set(e, ERR_CALLER, -EINVAL, "more than %d components", LOG_RULES);
    memcpy(c->rules[c->nrules].component, component.p, component.n);
    return parse_level(level, &c->rules[c->nrules++].level, e);
}

int log_conf_parse(struct str levels, struct str format, struct log_conf *ret, struct err *e)
{
    struct log_conf c = {.level = LOG_INFO};
    bool has_level = false;
    int r = 0;

    if (str_eq(format, S("json")))
        c.format = LOG_JSON;
    else if (!str_eq(format, S("logfmt")))
        return err_set(e, ERR_CALLER, -EINVAL, "log-format: '%.*s' is not logfmt or json",
                       (int)(format.n > 40 ? 40 : format.n), format.p ? format.p : "");
    do {
        struct str value = str_cut(&levels, ','), name = str_cut(&value, '=');

        if (value.p)
            r = add_rule(&c, name, value, e);
        else if (has_level)
            r = err_set(e, ERR_CALLER, -EINVAL, "a second level without a component");
        else
            r = parse_level(name, &c.level, e);
        has_level = has_level || !value.p;
    } while (r == 0 && levels.p);
    if (r < 0)
        return err_wrap(e, r, "log-level");

    *ret = c;
    return 0;
}

void log_set(const struct log_conf *conf)
{
    unsigned next = (atomic_load(&in_force) + 1) % RING;

    ring[next] = *conf;
    atomic_store(&in_force, next);
}

static enum log_level level_for(const struct log_conf *c, const struct log_cx *cx)
{
    for (uint32_t i = 0; cx && cx->component && i < c->nrules; i++)
        if (strcmp(c->rules[i].component, cx->component) == 0)
            return c->rules[i].level;
    return c->level;
}

/* ---- the journal ---- */

/* "device:inode" of the stream that our stderr is, if it still is that one (systemd.exec(5)). */
static bool stderr_is_journal(void)
{
    struct str rest = str_of(getenv("JOURNAL_STREAM")), device;
    uint64_t dev, ino;
    struct stat st;

    if (!rest.p)
        return false;
    device = str_cut(&rest, ':');
    return str_u64(device, 0, UINT64_MAX, &dev) == 0 && str_u64(rest, 0, UINT64_MAX, &ino) == 0 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

static void open_journal(void)
{
    static const struct sockaddr_un address = {.sun_family = AF_UNIX,
                                               .sun_path = "/run/systemd/journal/socket"};
    int fd;

    if (!stderr_is_journal())
        return;
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        (void)close(fd);
        fd = -EBADF;
    }
    fd = atomic_exchange(&journal, fd);
    if (fd >= 0)
        (void)close(fd);
}

void log_plain(void)
{
    atomic_store(&journal, -EBADF);
}

/* ---- lines ---- */

/* A log that cannot be written has nobody left to tell. */
static void put(const struct log_event *ev, enum log_format format)
{
    int fd = atomic_load(&journal);
    struct log_text text;

    if (fd >= 0) {
        log_text_journal(ev, &text);
        if (send(fd, text.p, text.n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)text.n)
            return; /* else its stream is still there, and waits while the journal is slow */
    }
    if (format == LOG_JSON)
        log_text_json(ev, &text);
    else
        log_text_logfmt(ev, &text);
    if (write(STDERR_FILENO, text.p, text.n) < 0)
        return;
}

static void put_held(const struct log_site *s, uint64_t now_ns, enum log_format format)
{
    struct log_cx cx = {.component = s->component};
    char msg[LOG_LIMIT_SAMPLE + 64];

    (void)snprintf(msg, sizeof(msg), "%u more like this in the last %u s: %s", s->held,
                   (unsigned)((now_ns - s->since_ns + 999999999) / 1000000000), s->sample);
    put(&(struct log_event){.wall_ms = clock_wall_ms(),
                            .level = s->level,
                            .process = process_name,
                            .cx = &cx,
                            .msg = msg},
        format);
}

static void put_all_held(uint64_t now_ns, bool all, enum log_format format)
{
    struct log_site site;
    bool more = true;

    while (more) {
        if (pthread_mutex_trylock(&limiter) != 0)
            return;
        more = log_limit_take(&limit, now_ns, all, &site);
        (void)pthread_mutex_unlock(&limiter);
        if (more)
            put_held(&site, now_ns, format);
    }
}

static bool may_pass(enum log_level level, const struct log_cx *cx, const char *fmt,
                     const char *msg, enum log_format format)
{
    uint64_t now_ns = clock_mono_ns();
    struct log_site gone = {0};
    bool pass;

    if (pthread_mutex_trylock(&limiter) != 0)
        return true;
    pass = log_limit_pass(&limit, level, cx ? cx->component : NULL, fmt, msg, now_ns, &gone);
    (void)pthread_mutex_unlock(&limiter);
    if (gone.held)
        put_held(&gone, now_ns, format);
    put_all_held(now_ns, false, format);
    return pass;
}

void log_open(const char *process, enum log_level level)
{
    struct log_conf conf = {.level = level};

    snprintf(process_name, sizeof(process_name), "%s", process);
    log_set(&conf);
    open_journal();
}

void log_line(enum log_level level, const struct log_cx *cx, const char *fmt, ...)
{
    const struct log_conf *conf = &ring[atomic_load(&in_force)];
    int saved = errno;
    char msg[LOG_MSG_MAX];
    va_list ap;

    if (level > level_for(conf, cx))
        return;
    va_start(ap, fmt);
    if (vsnprintf(msg, sizeof(msg), fmt, ap) < 0)
        msg[0] = '\0';
    va_end(ap);

    /* Debug is asked for by somebody who wants it all. */
    if (level == LOG_DEBUG || may_pass(level, cx, fmt, msg, conf->format))
        put(&(struct log_event){.wall_ms = clock_wall_ms(),
                                .level = level,
                                .process = process_name,
                                .cx = cx,
                                .msg = msg},
            conf->format);
    errno = saved;
}

void log_flush(bool all)
{
    int saved = errno;

    put_all_held(clock_mono_ns(), all, ring[atomic_load(&in_force)].format);
    errno = saved;
}
