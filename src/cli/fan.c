/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fan.c - libcurl's multi interface as places: a request takes one, its answer frees it. libcurl
 * keeps a connection for each, and hands a place's next request the one that is free.
 */
#include "cli/fan.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "cli/client.h"
#include "cli/exchange.h"
#include "cli/interrupt.h"

struct place {
    struct exchange x;
    struct buf body;
    void *user;
    uint64_t begun_ns;
    bool made, running;
};

struct fan {
    struct client *client; /* borrowed */
    CURLM *multi;
    struct place *places; /* owned */
    size_t n, running;
    int wake; /* borrowed; -1: none */
};

int fan_new(struct client *c, size_t places, struct fan **ret, struct err *e)
{
    struct fan *f = xnew(struct fan);

    f->client = c;
    f->n = places;
    f->wake = -1;
    f->places = xcalloc(places, sizeof(*f->places));
    f->multi = curl_multi_init();
    if (!f->multi) {
        fan_free(f);
        return err_set(e, ERR_HOST, -ENOMEM, "libcurl cannot be set up");
    }
    curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)places);
    *ret = f;
    return 0;
}

struct fan *fan_free(struct fan *f)
{
    if (!f)
        return NULL;
    for (size_t i = 0; i < f->n; i++) {
        struct place *p = &f->places[i];

        if (p->running)
            curl_multi_remove_handle(f->multi, p->x.curl);
        if (p->made)
            exchange_done(&p->x);
        buf_done(&p->body);
    }
    if (f->multi)
        curl_multi_cleanup(f->multi);
    free(f->places);
    free(f);
    return NULL;
}

void fan_freep(struct fan **f)
{
    *f = fan_free(*f);
}

size_t fan_running(const struct fan *f)
{
    return f->running;
}

void fan_wake_on(struct fan *f, int fd)
{
    f->wake = fd;
}

static struct place *free_place(struct fan *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (!f->places[i].running)
            return &f->places[i];
    return NULL;
}

int fan_start(struct fan *f, const struct client_request *req, void *user, struct err *e)
{
    struct place *p = free_place(f);
    int running, r = 0;

    if (!p)
        return err_set(e, ERR_LIMIT, -EBUSY, "%zu requests are under way", f->n);
    if (!p->made)
        r = exchange_init(&p->x, e);
    if (r < 0)
        return r;
    p->made = true;
    buf_done(&p->body);
    r = exchange_prepare(f->client, &p->x, req, &p->body, e);
    if (r < 0)
        return r;
    curl_easy_setopt(p->x.curl, CURLOPT_PRIVATE, p);
    if (curl_multi_add_handle(f->multi, p->x.curl) != CURLM_OK)
        return err_set(e, ERR_HOST, -ENOMEM, "libcurl takes no more requests");
    p->user = user;
    p->begun_ns = clock_mono_ns();
    p->running = true;
    f->running++;
    (void)curl_multi_perform(f->multi, &running);
    return 0;
}

/* By our clock: libcurl's stages overlap when it sends and receives in one step. */
static uint64_t took_ns(const struct place *p)
{
    uint64_t all = clock_mono_ns() - p->begun_ns;
    curl_off_t connecting = 0; /* 0 on a connection that was there */

    curl_easy_getinfo(p->x.curl, CURLINFO_CONNECT_TIME_T, &connecting);
    return all > (uint64_t)connecting * 1000 ? all - (uint64_t)connecting * 1000 : 0;
}

static bool pick(struct fan *f, struct fan_answer *ret)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(f->multi, &left))) {
        struct place *p = NULL;
        CURLcode code = msg->data.result; /* gone once the handle is removed */

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &p);
        *ret = (struct fan_answer){.user = p->user, .x = &p->x, .took_ns = took_ns(p)};
        curl_multi_remove_handle(f->multi, p->x.curl);
        p->running = false;
        f->running--;
        ret->status = exchange_result(f->client, &p->x, code, &ret->err);
        ret->body = buf_str(&p->body);
        return true;
    }
    return false;
}

int fan_next(struct fan *f, int timeout_ms, struct fan_answer *ret)
{
    struct curl_waitfd others[] = {{.fd = interrupt_fd(), .events = CURL_WAIT_POLLIN},
                                   {.fd = f->wake, .events = CURL_WAIT_POLLIN}};
    uint64_t end_ns = clock_mono_ns() + (uint64_t)timeout_ms * 1000000;

    for (;;) {
        uint64_t now;
        int running;

        if (interrupt_seen())
            return -EINTR;
        if (curl_multi_perform(f->multi, &running) != CURLM_OK)
            return -ENOMEM;
        if (pick(f, ret))
            return 1;
        now = clock_mono_ns();
        if ((f->running == 0 && f->wake < 0) || now >= end_ns || others[1].revents)
            return 0;
        /* poll(2) passes over descriptors below 0 */
        (void)curl_multi_poll(f->multi, others, 2, (int)((end_ns - now + 999999) / 1000000), NULL);
    }
}
