/* SPDX-License-Identifier: Apache-2.0 */
/*
 * post.c - records to HTTP endpoints: a thread with libcurl, so that a slow endpoint or name server holds
 * neither the loop nor the workers that write to disk.
 *
 * The loop hands a post in and gets every one of them home again, exactly once: with an answer, with the
 * reason why there is none, or broken off. Redirects are not followed: where a record goes is what the
 * function's owner wrote down. Link-local addresses and the few others at which a cloud's metadata service
 * answers, which trusts whoever asks, are refused (docs/THREAT-MODEL.md); functions do not reach them
 * either (sandbox/net_router.c).
 */
#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/address.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/obj.h"
#include "delivery/internal.h"
#include "loop/loop.h"

enum {
    POSTER_MAGIC = 0x50535452,
    POST_MAGIC = 0x504f5354,
    CONNECT_MS = 5000,
    TOTAL_MS = 30000,
    ANSWER_MOST = 4096,
    LOOK_MS = 1000,
    SLEEP_MS = 3600 * 1000, /* until it is woken */
};

struct post {
    uint32_t magic;
    struct list node;      /* poster->inbox, ->under_way */
    struct poster *poster; /* outlives every post that is not forgotten */
    struct loop *loop;
    CURL *curl;
    struct curl_slist *headers;
    struct buf body, answer;
    char error[CURL_ERROR_SIZE];
    long status;
    bool closed; /* it would go where nothing is sent */
    atomic_bool forgotten;
    post_fn *fn;
    void *user;
};

struct poster {
    uint32_t magic;
    struct loop *loop;
    CURLM *multi;
    pthread_t thread;
    pthread_mutex_t lock; /* of inbox */
    struct list inbox;
    struct list under_way; /* the thread's */
    atomic_bool ending;
};

/* ---- home ---- */

static void on_home(void *user)
{
    struct post *p = OBJ(user, struct post, POST_MAGIC);
    struct post_end end = {.status = p->status,
                           .error = p->error[0] ? p->error : "no answer came",
                           .answer = buf_str(&p->answer)};

    if (!atomic_load(&p->forgotten))
        p->fn(p->user, &end);
    buf_done(&p->body);
    buf_done(&p->answer);
    p->magic = 0;
    free(p);
}

/* ---- the thread ---- */

static void go_home(struct poster *o, struct post *p)
{
    if (p->curl) {
        (void)curl_multi_remove_handle(o->multi, p->curl);
        curl_easy_cleanup(p->curl);
        p->curl = NULL;
    }
    curl_slist_free_all(p->headers);
    p->headers = NULL;
    list_remove(&p->node);
    loop_post(p->loop, on_home, p);
}

static void finished(struct poster *o, const CURLMsg *m)
{
    struct post *p = NULL;

    (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&p);
    if (m->data.result == CURLE_OK)
        (void)curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &p->status);
    else if (p->closed)
        (void)snprintf(p->error, sizeof(p->error),
                       "link-local and metadata addresses are not posted to");
    else if (!p->error[0])
        (void)snprintf(p->error, sizeof(p->error), "%s", curl_easy_strerror(m->data.result));
    go_home(o, p);
}

static void take_in(struct poster *o)
{
    struct list *it;

    (void)pthread_mutex_lock(&o->lock);
    while ((it = list_pop_front(&o->inbox)))
        list_push_back(&o->under_way, it);
    (void)pthread_mutex_unlock(&o->lock);
    list_each (node, &o->under_way) {
        struct post *p = container_of(node, struct post, node);
        void *begun = NULL;

        (void)curl_easy_getinfo(p->curl, CURLINFO_PRIVATE, (char **)&begun);
        if (atomic_load(&p->forgotten)) {
            go_home(o, p);
        } else if (!begun) {
            (void)curl_easy_setopt(p->curl, CURLOPT_PRIVATE, p);
            if (curl_multi_add_handle(o->multi, p->curl) != CURLM_OK)
                go_home(o, p);
        }
    }
}

static void *serve(void *user)
{
    struct poster *o = OBJ(user, struct poster, POSTER_MAGIC);
    const CURLMsg *m;
    int running, left;

    while (!atomic_load(&o->ending)) {
        take_in(o);
        (void)curl_multi_perform(o->multi, &running);
        while ((m = curl_multi_info_read(o->multi, &left)))
            if (m->msg == CURLMSG_DONE)
                finished(o, m);
        (void)curl_multi_poll(o->multi, NULL, 0, list_empty(&o->under_way) ? SLEEP_MS : LOOK_MS,
                              NULL);
    }
    take_in(o);
    list_each (it, &o->under_way)
        go_home(o, container_of(it, struct post, node));
    return NULL;
}

/* ---- one post ---- */

static size_t on_answer(char *bytes, size_t size, size_t n, void *user)
{
    struct post *p = OBJ(user, struct post, POST_MAGIC);
    size_t room = ANSWER_MOST - p->answer.n;

    buf_add(&p->answer, bytes, size * n < room ? size * n : room);
    return size * n;
}

static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct post *p = OBJ(user, struct post, POST_MAGIC);

    (void)purpose;
    p->closed |= address_is_closed(&a->addr);
    if (p->closed)
        return CURL_SOCKET_BAD;
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static void set_up(struct post *p, struct str url)
{
    char *text = str_dup(url);

    (void)curl_easy_setopt(p->curl, CURLOPT_URL, text);
    (void)curl_easy_setopt(p->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    /* Through a proxy the check of addresses would see the proxy's only. */
    (void)curl_easy_setopt(p->curl, CURLOPT_PROXY, "");
    (void)curl_easy_setopt(p->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(p->curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)curl_easy_setopt(p->curl, CURLOPT_TIMEOUT_MS, (long)TOTAL_MS);
    /* Nothing is kept open for a record that may come: descriptors are counted. */
    (void)curl_easy_setopt(p->curl, CURLOPT_FORBID_REUSE, 1L);
    (void)curl_easy_setopt(p->curl, CURLOPT_HTTPHEADER, p->headers);
    (void)curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, p->body.p);
    (void)curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)p->body.n);
    (void)curl_easy_setopt(p->curl, CURLOPT_WRITEFUNCTION, on_answer);
    (void)curl_easy_setopt(p->curl, CURLOPT_WRITEDATA, p);
    (void)curl_easy_setopt(p->curl, CURLOPT_ERRORBUFFER, p->error);
    (void)curl_easy_setopt(p->curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    (void)curl_easy_setopt(p->curl, CURLOPT_OPENSOCKETDATA, p);
    (void)curl_easy_setopt(p->curl, CURLOPT_PRIVATE, NULL);
    free(text);
}

struct post *post_begin(struct poster *o, struct str url, struct str headers, struct str body,
                        post_fn *fn, void *user)
{
    struct post *p = xnew(struct post);

    p->magic = POST_MAGIC;
    p->curl = curl_easy_init();
    if (!p->curl) {
        free(p);
        return NULL;
    }
    p->poster = o;
    p->loop = o->loop;
    p->fn = fn;
    p->user = user;
    buf_init(&p->body, body.n + 1);
    buf_adds(&p->body, body);
    buf_init(&p->answer, ANSWER_MOST + 1);
    while (headers.n > 0) {
        char *line = str_dup(str_cut(&headers, '\n'));

        p->headers = curl_slist_append(p->headers, line);
        free(line);
    }
    /* No "Expect: 100-continue", which many an endpoint leaves unanswered. */
    p->headers = curl_slist_append(p->headers, "Expect:");
    set_up(p, url);
    (void)pthread_mutex_lock(&o->lock);
    list_push_back(&o->inbox, &p->node);
    (void)pthread_mutex_unlock(&o->lock);
    (void)curl_multi_wakeup(o->multi);
    return p;
}

void post_forget(struct post *p)
{
    atomic_store(&p->forgotten, true);
    (void)curl_multi_wakeup(p->poster->multi);
}

/* ---- life ---- */

struct poster *poster_new(struct loop *l)
{
    struct poster *o = xnew(struct poster);

    o->magic = POSTER_MAGIC;
    o->loop = l;
    list_init(&o->inbox);
    list_init(&o->under_way);
    (void)pthread_mutex_init(&o->lock, NULL);
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    o->multi = curl_multi_init();
    if (o->multi && pthread_create(&o->thread, NULL, serve, o) == 0)
        return o;
    log_warn(&delivery_cx, "nothing is posted to HTTP endpoints, retrying: no thread for it");
    (void)curl_multi_cleanup(o->multi);
    (void)pthread_mutex_destroy(&o->lock);
    free(o);
    return NULL;
}

struct poster *poster_free(struct poster *o)
{
    if (!o)
        return NULL;
    assert(o->magic == POSTER_MAGIC);
    atomic_store(&o->ending, true);
    (void)curl_multi_wakeup(o->multi);
    (void)pthread_join(o->thread, NULL);
    (void)curl_multi_cleanup(o->multi);
    (void)pthread_mutex_destroy(&o->lock);
    o->magic = 0;
    free(o);
    return NULL;
}
