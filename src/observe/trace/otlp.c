/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp.c - a ring between the loop and a thread that talks to the collector.
 *
 * One producer, the loop, and one consumer, the thread: two counters that only grow say what is in
 * the ring, so putting something there is a store. The thread looks every second; nobody wakes it,
 * because a wake-up is a system call in the middle of somebody's run.
 *
 * A collector that says "later" (429, 502, 503, 504) or does not answer is asked again, after the
 * time it named (Retry-After) or one that doubles, OTLP_TRIES times; then the batch is dropped. A
 * collector that is slow fills the ring, and what comes then is dropped: runs never wait for it.
 * Either is said once, until it works again, and counted.
 *
 * At the end what waits is sent, for flush_ms at most; a request under way is broken off then.
 */
#include "observe/trace/otlp.h"

#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/obj.h"
#include "base/uri.h"

#define OTLP_MAGIC 0x4f544c50

enum {
    CONNECT_MS = 5000,
    REQUEST_MS = 10000,
    BACKOFF_MS = 500,
    BACKOFF_MAX_MS = 30000,
    RETRY_AFTER_MAX_S = 120,
    HEADER_MAX = 4096,
};

struct otlp {
    uint32_t magic;
    char *url, *service; /* owned */
    struct curl_slist *headers;
    uint32_t flush_ms;

    struct span_run *ring[OTLP_RING]; /* owned by it from put to taken */
    atomic_uint_fast64_t put, taken;
    bool dropping; /* the loop's: said already */

    pthread_t thread;
    pthread_mutex_t lock; /* of the four below */
    pthread_cond_t wake;
    bool ending;
    atomic_uint_fast64_t end_by_ns; /* 0: it goes on */

    bool complaining; /* the thread's: said already */
    atomic_uint_fast64_t sent, dropped, failed;
};

static const struct log_cx cx = {.component = "otlp"};

/* ---- the loop's side ---- */

static void on_end(void *user, void *run, const struct run_facts *f)
{
    struct otlp *o = OBJ(user, struct otlp, OTLP_MAGIC);
    uint64_t put = atomic_load_explicit(&o->put, memory_order_relaxed);

    (void)run;
    if (!f->trace.sampled)
        return;
    if (put - atomic_load_explicit(&o->taken, memory_order_acquire) == OTLP_RING) {
        atomic_fetch_add(&o->dropped, 1);
        if (!o->dropping)
            log_warn(&cx, "traces come faster than the collector takes them, dropping some");
        o->dropping = true;
        return;
    }
    o->dropping = false;
    o->ring[put % OTLP_RING] = span_run_new(f);
    atomic_store_explicit(&o->put, put + 1, memory_order_release);
}

const struct run_watch otlp_watch = {.end = on_end};

/* ---- the thread's side ---- */

/* True: the end has come. */
static bool wait_until(struct otlp *o, uint64_t until_ns)
{
    struct timespec ts = {.tv_sec = (time_t)(until_ns / 1000000000),
                          .tv_nsec = (long)(until_ns % 1000000000)};
    bool ending;

    (void)pthread_mutex_lock(&o->lock);
    while (!o->ending && clock_mono_ns() < until_ns)
        (void)pthread_cond_timedwait(&o->wake, &o->lock, &ts);
    ending = o->ending;
    (void)pthread_mutex_unlock(&o->lock);
    return ending;
}

static bool time_is_over(struct otlp *o)
{
    uint64_t by = atomic_load(&o->end_by_ns);

    return by && clock_mono_ns() >= by;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return time_is_over(user);
}

static size_t ignore_body(char *p, size_t size, size_t n, void *user)
{
    (void)p;
    (void)user;
    return size * n;
}

/* 0; -EAGAIN: later, *ret_after_s if it said when; -EINVAL: it will never take this. */
static int post(CURL *curl, const struct buf *body, uint64_t *ret_after_s, char why[256])
{
    curl_off_t after = 0;
    long status = 0;
    CURLcode r;

    *ret_after_s = 0;
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->p);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->n);
    r = curl_easy_perform(curl);
    if (r != CURLE_OK) {
        (void)snprintf(why, 256, "%s", curl_easy_strerror(r));
        return -EAGAIN;
    }
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return 0;
    (void)snprintf(why, 256, "it answered %ld", status);
    if (status != 429 && status != 502 && status != 503 && status != 504)
        return -EINVAL;
    if (curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after) == CURLE_OK && after > 0)
        *ret_after_s = after < RETRY_AFTER_MAX_S ? (uint64_t)after : RETRY_AFTER_MAX_S;
    return -EAGAIN;
}

static void complain(struct otlp *o, const char *what, const char *why)
{
    if (!o->complaining)
        log_warn(&cx, "the collector of traces does not take them, %s: %s", what, why);
    o->complaining = true;
}

/* The batch until it is taken, or given up. */
static bool deliver(struct otlp *o, CURL *curl, const struct buf *body)
{
    uint64_t backoff_ms = BACKOFF_MS, after_s;
    char why[256];

    for (int i = 0; i < OTLP_TRIES && !time_is_over(o); i++) {
        int r = post(curl, body, &after_s, why);

        if (r == 0) {
            if (o->complaining)
                log_info(&cx, "the collector takes traces again");
            o->complaining = false;
            return true;
        }
        atomic_fetch_add(&o->failed, 1);
        complain(o, r == -EAGAIN ? "retrying" : "dropping them", why);
        if (r == -EINVAL)
            return false;
        /* A little off the beat, so that many daemons do not come back at once. */
        if (wait_until(o, clock_mono_ns() + (after_s ? after_s * 1000
                                                     : backoff_ms + clock_mono_ns() % BACKOFF_MS) *
                                                    1000000))
            return false;
        backoff_ms = backoff_ms * 2 < BACKOFF_MAX_MS ? backoff_ms * 2 : BACKOFF_MAX_MS;
    }
    return false;
}

static uint32_t take(struct otlp *o, struct span_run **batch)
{
    uint64_t taken = atomic_load_explicit(&o->taken, memory_order_relaxed);
    uint64_t n = atomic_load_explicit(&o->put, memory_order_acquire) - taken;

    if (n > OTLP_BATCH)
        n = OTLP_BATCH;
    for (uint64_t i = 0; i < n; i++)
        batch[i] = o->ring[(taken + i) % OTLP_RING];
    atomic_store_explicit(&o->taken, taken + n, memory_order_release);
    return (uint32_t)n;
}

static void send_batch(struct otlp *o, CURL *curl, struct span_run **batch, uint32_t n)
{
    cleanup_with(buf_done) struct buf body;
    bool done = false;

    buf_init(&body, OTLP_BODY);
    otlp_body(batch, n, o->service, &body);
    if (curl && buf_ok(&body) && !time_is_over(o))
        done = deliver(o, curl, &body);
    atomic_fetch_add(done ? &o->sent : &o->dropped, n);
    for (uint32_t i = 0; i < n; i++)
        span_run_free(batch[i]);
}

static CURL *make_curl(struct otlp *o)
{
    CURL *curl = curl_easy_init();

    if (!curl)
        return NULL;
    (void)curl_easy_setopt(curl, CURLOPT_URL, o->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, o->headers);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)REQUEST_MS);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, ignore_body);
    (void)curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    (void)curl_easy_setopt(curl, CURLOPT_XFERINFODATA, o);
    return curl;
}

static void *serve(void *user)
{
    struct otlp *o = OBJ(user, struct otlp, OTLP_MAGIC);
    struct span_run *batch[OTLP_BATCH];
    bool ending = false;

    while (!ending) {
        CURL *curl = NULL; /* and its connection: no longer than there is something to say */
        uint32_t n;

        ending = wait_until(o, clock_mono_ns() + (uint64_t)OTLP_EVERY_MS * 1000000);
        while ((n = take(o, batch)) > 0) {
            curl = curl ? curl : make_curl(o);
            send_batch(o, curl, batch, n);
        }
        curl_easy_cleanup(curl);
    }
    return NULL;
}

/* ---- life ---- */

/* "name=value,...": as curl wants them. */
static int add_headers(const char *text, struct curl_slist **list, struct err *e)
{
    struct str rest = str_of(text);

    while (rest.p && rest.n > 0) {
        cleanup_with(buf_done) struct buf line;
        struct str value = str_trim(str_cut(&rest, ',')), name = str_cut(&value, '=');

        buf_init(&line, HEADER_MAX);
        buf_addf(&line, "%.*s: ", STR_ARG(str_trim(name)));
        if (!value.p || name.n == 0 || uri_decode(value, false, &line) < 0 || !buf_ok(&line) ||
            str_has(buf_str(&line), '\n') || str_has(buf_str(&line), '\r'))
            return err_set(e, ERR_CALLER, -EINVAL, "headers are name=value,name=value");
        if (list)
            *list = curl_slist_append(*list, line.p);
    }
    return 0;
}

int otlp_check(const char *endpoint, const char *headers, struct err *e)
{
    struct str s = str_of(endpoint), rest = s;

    if (str_starts(s, S("http://")))
        rest = str_from(s, 7);
    else if (str_starts(s, S("https://")))
        rest = str_from(s, 8);
    if (rest.n == s.n || rest.n == 0 || rest.p[0] == '/')
        return err_set(e, ERR_CALLER, -EINVAL,
                       "'%.100s' is not http://HOST:PORT or https://HOST:PORT", endpoint);
    return add_headers(headers, NULL, e);
}

int otlp_new(const struct otlp_conf *conf, struct otlp **ret, struct err *e)
{
    struct str base = str_of(conf->endpoint);
    pthread_condattr_t clock;
    struct otlp *o;
    int r = otlp_check(conf->endpoint, conf->headers, e);

    if (r < 0)
        return r;
    while (str_ends(base, S("/")))
        base.n--;
    o = xnew(struct otlp);
    o->magic = OTLP_MAGIC;
    o->url = xasprintf("%.*s/v1/traces", STR_ARG(base));
    o->service = xstrdup(conf->service);
    o->flush_ms = conf->flush_ms;
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    o->headers = curl_slist_append(NULL, "Content-Type: application/json");
    (void)add_headers(conf->headers, &o->headers, e); /* checked above */
    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&o->wake, &clock);
    (void)pthread_condattr_destroy(&clock);
    r = -pthread_create(&o->thread, NULL, serve, o);
    if (r < 0) {
        o->thread = 0;
        otlp_free(o);
        return err_set(e, ERR_HOST, r, "start the thread that sends traces");
    }
    *ret = o;
    return 0;
}

struct otlp *otlp_free(struct otlp *o)
{
    struct span_run *left[OTLP_BATCH];
    uint32_t n;

    if (!o)
        return NULL;
    if (o->thread) {
        atomic_store(&o->end_by_ns, clock_mono_ns() + (uint64_t)o->flush_ms * 1000000);
        (void)pthread_mutex_lock(&o->lock);
        o->ending = true;
        (void)pthread_cond_signal(&o->wake);
        (void)pthread_mutex_unlock(&o->lock);
        (void)pthread_join(o->thread, NULL);
    }
    while ((n = take(o, left)) > 0) {
        atomic_fetch_add(&o->dropped, n);
        for (uint32_t i = 0; i < n; i++)
            span_run_free(left[i]);
    }
    if (atomic_load(&o->dropped))
        log_warn(&cx, "%" PRIu64 " runs are in no trace: they were dropped, ignoring",
                 (uint64_t)atomic_load(&o->dropped));
    (void)pthread_cond_destroy(&o->wake);
    (void)pthread_mutex_destroy(&o->lock);
    curl_slist_free_all(o->headers);
    free(o->url);
    free(o->service);
    o->magic = 0;
    free(o);
    return NULL;
}

void otlp_stats(struct otlp *o, struct otlp_stats *ret)
{
    *ret = (struct otlp_stats){.sent = atomic_load(&o->sent),
                               .dropped = atomic_load(&o->dropped),
                               .failed = atomic_load(&o->failed)};
}
