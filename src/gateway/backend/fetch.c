/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch.c - libcurl's multi interface driven by our loop: it names sockets and a time, we say when.
 *
 *   fetch_begin -> on_timeout -> ... on_socket_ready ... -> on_line, on_body -> settle() -> on_end
 *
 * What always holds:
 *   (1) libcurl is called from the loop and never from inside its own callbacks, but for a pause.
 *   (2) a fetch ends in settle() alone, after libcurl has returned; until then its callbacks only
 *       look and copy.
 *   (3) a socket is watched as long as libcurl says; its descriptor is libcurl's.
 *
 * Deliveries (delivery/post.c) and traces (observe/trace/otlp.c) talk to their servers on a thread of
 * their own instead: they wait for nobody, and nobody for them. Here a client waits, every piece goes
 * through the loop anyway, and a pause must reach the socket at once.
 */
#include "gateway/backend/fetch.h"

#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/address.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/list.h"
#include "base/obj.h"
#include "loop/loop.h"

enum {
    FETCHER_MAGIC = 0x46544352,
    FETCH_MAGIC = 0x46545348,
    SOCKET_MAGIC = 0x46545343,
    IDLE_CONNECTIONS = 64,
    IDLE_S = 60, /* older ones are not used again: servers close them without a word */
    QUIET_MS = 5000,
};

struct fetcher {
    uint32_t magic;
    struct loop *loop; /* borrowed */
    CURLM *multi;
    struct loop_timer *timer;
    struct loop_timer *idle; /* since the last one ended */
    struct list under_way;
};

struct watched {
    uint32_t magic;
    struct fetcher *fetcher;
    curl_socket_t fd;
    struct loop_io *io; /* owned */
};

struct fetch {
    uint32_t magic;
    struct list node;
    struct fetcher *fetcher;
    CURL *curl;
    struct curl_slist *headers;
    struct buf head;
    char error[CURL_ERROR_SIZE];
    bool pausing, headed, refused, closed, too_large;
    const struct fetch_ops *ops;
    void *user;
};

/* ---- what comes ---- */

static bool head_is_whole(struct fetch *f)
{
    curl_off_t length = -1;
    long status = 0;

    (void)curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200) { /* an interim answer: the real one follows */
        buf_reset(&f->head);
        return true;
    }
    (void)curl_easy_getinfo(f->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    f->headed = true;
    f->refused = !f->ops->on_head(f->user, (int)status, buf_str(&f->head), length);
    return !f->refused;
}

/* One line at a time, the status line first; trailers come here as well and are dropped. */
static size_t on_line(char *bytes, size_t size, size_t n, void *user)
{
    struct fetch *f = OBJ(user, struct fetch, FETCH_MAGIC);
    struct str line = {bytes, size * n};

    while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    if (f->headed)
        return size * n;
    if (line.n == 0)
        return head_is_whole(f) ? size * n : 0;
    if (str_starts(line, S("HTTP/"))) {
        buf_reset(&f->head);
        return size * n;
    }
    buf_adds(&f->head, line);
    buf_addc(&f->head, '\n');
    f->too_large = !buf_ok(&f->head);
    return f->too_large ? 0 : size * n;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    struct fetch *f = OBJ(user, struct fetch, FETCH_MAGIC);

    if (!f->headed)
        return 0; /* another protocol, to which nobody asked to switch */
    if (f->pausing)
        return CURL_WRITEFUNC_PAUSE;
    f->ops->on_data(f->user, (struct str){bytes, size * n});
    return size * n;
}

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct fetch *f = OBJ(user, struct fetch, FETCH_MAGIC);

    (void)purpose;
    f->closed = address_is_closed(&a->addr);
    return f->closed ? CURL_SOCKET_BAD : socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- the end ---- */

static void drop(struct fetch *f)
{
    (void)curl_multi_remove_handle(f->fetcher->multi, f->curl);
    curl_easy_cleanup(f->curl);
    curl_slist_free_all(f->headers);
    buf_done(&f->head);
    list_remove(&f->node);
    if (list_empty(&f->fetcher->under_way))
        loop_timer_start(f->fetcher->idle, QUIET_MS);
    f->magic = 0;
    free(f);
}

static enum fetch_end end_of(const struct fetch *f, CURLcode r)
{
    if (f->refused)
        return FETCH_REFUSED;
    if (f->too_large)
        return FETCH_TOO_LARGE;
    if (r == CURLE_OK && f->headed)
        return FETCH_WHOLE;
    if (f->closed)
        return FETCH_CLOSED;
    switch ((int)r) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: /* the time for the connection: we set no other */
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return FETCH_NO_CONNECTION;
    default:
        return FETCH_BROKEN;
    }
}

/* Tell of those that are over. Told one by one: an end may begin and cancel others. */
static void settle(struct fetcher *o)
{
    const CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(o->multi, &left))) {
        const struct fetch_ops *ops;
        char why[CURL_ERROR_SIZE];
        enum fetch_end end;
        struct fetch *f = NULL;
        void *user;

        if (m->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&f);
        assert(f->magic == FETCH_MAGIC);
        end = end_of(f, m->data.result);
        (void)snprintf(why, sizeof(why), "%s",
                       f->error[0] ? f->error : curl_easy_strerror(m->data.result));
        ops = f->ops;
        user = f->user;
        drop(f);
        ops->on_end(user, end, why);
    }
}

/* ---- the loop ---- */

static void on_timeout(void *user)
{
    struct fetcher *o = OBJ(user, struct fetcher, FETCHER_MAGIC);
    int running;

    (void)curl_multi_socket_action(o->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    settle(o);
}

static int on_time_wanted(CURLM *multi, long ms, void *user)
{
    struct fetcher *o = OBJ(user, struct fetcher, FETCHER_MAGIC);

    (void)multi;
    if (ms < 0)
        loop_timer_stop(o->timer);
    else
        loop_timer_start(o->timer, (uint64_t)ms);
    return 0;
}

static void on_socket_ready(void *user, unsigned ready)
{
    struct watched *w = OBJ(user, struct watched, SOCKET_MAGIC);
    struct fetcher *o = w->fetcher; /* w may go */
    int what =
            (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    (void)curl_multi_socket_action(o->multi, w->fd, what, &running);
    settle(o);
}

static int on_socket_wanted(CURL *curl, curl_socket_t fd, int what, void *user, void *of_socket)
{
    struct fetcher *o = OBJ(user, struct fetcher, FETCHER_MAGIC);
    struct watched *w = of_socket;

    (void)curl;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            loop_io_free(w->io);
            w->magic = 0;
            free(w);
        }
        return 0;
    }
    if (!w) {
        w = xnew(struct watched);
        *w = (struct watched){.magic = SOCKET_MAGIC, .fetcher = o, .fd = fd};
        w->io = loop_io_new(o->loop, fd, on_socket_ready, w);
        (void)curl_multi_assign(o->multi, fd, w);
    }
    loop_io_want(w->io,
                 (what & CURL_POLL_IN ? LOOP_READ : 0u) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0u));
    return 0;
}

/* ---- one fetch ---- */

static void set_up(struct fetch *f, const struct fetch_spec *spec)
{
    const char *authorities =
            getenv("SSL_CERT_FILE"); /* as OpenSSL's own programs; libcurl does not */
    CURL *c = f->curl;

    (void)curl_easy_setopt(c, CURLOPT_PRIVATE, f);
    (void)curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(c, CURLOPT_PROXY, ""); /* and none of the environment's */
    (void)curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L); /* never waits for its resolver's thread */
    (void)curl_easy_setopt(c, CURLOPT_HTTP_CONTENT_DECODING, 0L);
    (void)curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)spec->connect_ms);
    (void)curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, (long)IDLE_S);
    (void)curl_easy_setopt(c, CURLOPT_ERRORBUFFER, f->error);
    if (authorities && authorities[0])
        (void)curl_easy_setopt(c, CURLOPT_CAINFO, authorities);
    (void)curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_line);
    (void)curl_easy_setopt(c, CURLOPT_HEADERDATA, f);
    (void)curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(c, CURLOPT_WRITEDATA, f);
    (void)curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, on_open);
    (void)curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, f);
    if (spec->has_body) {
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->body.n);
        (void)curl_easy_setopt(c, CURLOPT_POSTFIELDS, spec->body.n ? spec->body.p : "");
    }
    if (strcmp(spec->method, "HEAD") == 0 && !spec->has_body)
        (void)curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
    else
        (void)curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, spec->method);
}

/* What libcurl would add by itself, unless it is given. */
static const char *const unsaid[] = {"Accept:", "Expect:", "Content-Type:"};

static bool add_headers(struct fetch *f, const struct fetch_spec *spec)
{
    for (size_t i = 0; i < ARRAY_LEN(unsaid) + spec->nheaders; i++) {
        const char *line = i < ARRAY_LEN(unsaid) ? unsaid[i] : spec->headers[i - ARRAY_LEN(unsaid)];
        struct curl_slist *more = curl_slist_append(f->headers, line);

        if (!more)
            return false;
        f->headers = more;
    }
    return curl_easy_setopt(f->curl, CURLOPT_HTTPHEADER, f->headers) == CURLE_OK;
}

struct fetch *fetch_begin(struct fetcher *o, const struct fetch_spec *spec,
                          const struct fetch_ops *ops, void *user)
{
    struct fetch *f = xnew(struct fetch);

    assert(o->magic == FETCHER_MAGIC);
    f->magic = FETCH_MAGIC;
    f->fetcher = o;
    f->ops = ops;
    f->user = user;
    f->curl = curl_easy_init();
    buf_init(&f->head, FETCH_HEAD_MAX);
    list_push_back(&o->under_way, &f->node);
    if (f->curl && add_headers(f, spec)) {
        set_up(f, spec);
        if (curl_easy_setopt(f->curl, CURLOPT_URL, spec->url) == CURLE_OK &&
            curl_multi_add_handle(o->multi, f->curl) == CURLM_OK)
            return f;
    }
    drop(f);
    return NULL;
}

void fetch_pause(struct fetch *f)
{
    assert(f->magic == FETCH_MAGIC);
    f->pausing = true;
}

void fetch_go_on(struct fetch *f)
{
    assert(f->magic == FETCH_MAGIC);
    f->pausing = false;
    (void)curl_easy_pause(f->curl, CURLPAUSE_CONT);
}

void fetch_cancel(struct fetch *f)
{
    assert(f->magic == FETCH_MAGIC);
    drop(f);
}

/* ---- life ---- */

static CURLM *multi_new(struct fetcher *o)
{
    CURLM *multi = curl_multi_init();

    if (!multi)
        return NULL;
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
    (void)curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, o);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_time_wanted);
    (void)curl_multi_setopt(multi, CURLMOPT_TIMERDATA, o);
    (void)curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS);
    return multi;
}

/* Nobody has asked for a while: the connections that were kept are let go; libcurl has no
 * other way. */
static void on_quiet(void *user)
{
    struct fetcher *o = OBJ(user, struct fetcher, FETCHER_MAGIC);
    CURLM *multi = list_empty(&o->under_way) ? multi_new(o) : NULL;

    if (!multi)
        return;
    (void)curl_multi_cleanup(o->multi);
    o->multi = multi;
    loop_timer_stop(o->timer);
}

struct fetcher *fetcher_new(struct loop *l)
{
    struct fetcher *o = xnew(struct fetcher);

    o->magic = FETCHER_MAGIC;
    o->loop = l;
    list_init(&o->under_way);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    o->multi = multi_new(o);
    if (!o->multi) {
        free(o);
        return NULL;
    }
    o->timer = loop_timer_new(l, on_timeout, o);
    o->idle = loop_timer_new(l, on_quiet, o);
    return o;
}

struct fetcher *fetcher_free(struct fetcher *o)
{
    if (!o)
        return NULL;
    assert(o->magic == FETCHER_MAGIC && list_empty(&o->under_way));
    (void)curl_multi_cleanup(o->multi);
    o->timer = loop_timer_free(o->timer);
    o->idle = loop_timer_free(o->idle);
    o->magic = 0;
    free(o);
    return NULL;
}
