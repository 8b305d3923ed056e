/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - the request that an HTTP handler answers, kept until its instance has been told of it.
 *
 * It is copied once, into one piece of memory: the struct, its lists, then all text. Only what OPEN
 * tells is taken along; the body is the run's payload.
 *
 * An event that is such a request holds both: one line of JSON that begins with MARK, then the body.
 */
#include "invoke/internal.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"

#define MARK "{\"evoke_http\":1,"

struct room {
    struct shape_pair *pairs;
    char *text;
};

static size_t text_of(struct shape_list list)
{
    size_t n = 0;

    for (size_t i = 0; i < list.n; i++)
        n += list.at[i].name.n + list.at[i].value.n;
    return n;
}

static struct str take(struct room *room, struct str s)
{
    char *at = room->text;

    if (s.n > 0)
        memcpy(at, s.p, s.n);
    room->text += s.n;
    return (struct str){at, s.n};
}

static struct shape_list take_list(struct room *room, struct shape_list list)
{
    struct shape_list copy = {room->pairs, list.n};

    for (size_t i = 0; i < list.n; i++) {
        room->pairs[i].name = take(room, list.at[i].name);
        room->pairs[i].value = take(room, list.at[i].value);
    }
    room->pairs += list.n;
    return copy;
}

struct shape_http *invoke_copy_http(const struct shape_http *http)
{
    size_t lists = (http->headers.n + http->query.n) * sizeof(struct shape_pair);
    size_t text = http->method.n + http->path.n + http->target.n + http->source_ip.n +
                  text_of(http->headers) + text_of(http->query);
    struct shape_http *copy = xcalloc(1, sizeof(*copy) + lists + text);
    struct room room;

    room.pairs = (struct shape_pair *)(copy + 1);
    room.text = (char *)(copy + 1) + lists;
    copy->method = take(&room, http->method);
    copy->path = take(&room, http->path);
    copy->target = take(&room, http->target);
    copy->source_ip = take(&room, http->source_ip);
    copy->headers = take_list(&room, http->headers);
    copy->query = take_list(&room, http->query);
    return copy;
}

/* ---- as an event ---- */

static void put_list(struct jw *w, const char *key, struct shape_list list)
{
    jw_key(w, key);
    jw_arr(w);
    for (size_t i = 0; i < list.n; i++) {
        jw_str(w, list.at[i].name);
        jw_str(w, list.at[i].value);
    }
    jw_arr_end(w);
}

void invoke_http_pack(const struct shape_http *http, struct str body, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "evoke_http", 1);
    jw_kstr(&w, "method", http->method);
    jw_kstr(&w, "path", http->path);
    jw_kstr(&w, "uri", http->target);
    jw_kstr(&w, "client_ip", http->source_ip);
    put_list(&w, "headers", http->headers);
    put_list(&w, "queries", http->query);
    jw_obj_end(&w);
    buf_addc(out, '\n');
    buf_adds(out, body);
}

/* Names and values take turns. */
static int read_list(const struct cJSON *tree, const char *key, struct shape_list *ret)
{
    const struct cJSON *list = json_get(tree, key), *at = list ? list->child : NULL;
    size_t n = (size_t)cJSON_GetArraySize(list);
    struct shape_pair *to = xcalloc(n / 2 + 1, sizeof(*to));

    *ret = (struct shape_list){to, n / 2};
    if (n % 2 != 0)
        return -EINVAL;
    for (size_t i = 0; at && i < n; i++, at = at->next) {
        struct str text = cJSON_IsString(at) ? str_of(at->valuestring) : S("");

        if (i % 2 == 0)
            to[i / 2].name = text;
        else
            to[i / 2].value = text;
    }
    return 0;
}

int invoke_http_unpack(struct str event, struct invoke_http *ret)
{
    struct shape_http *http = &ret->http;
    struct str head;

    *ret = (struct invoke_http){.body = event};
    if (!str_starts(event, S(MARK)))
        return -ENOENT;
    head = str_cut(&ret->body, '\n');
    ret->tree = json_parse(head, NULL);
    if (!ret->tree || !ret->body.p ||
        json_str(ret->tree, "method", false, &http->method, NULL) < 0 ||
        json_str(ret->tree, "path", false, &http->path, NULL) < 0 ||
        json_str(ret->tree, "uri", false, &http->target, NULL) < 0 ||
        json_str(ret->tree, "client_ip", false, &http->source_ip, NULL) < 0 ||
        read_list(ret->tree, "headers", &http->headers) < 0 ||
        read_list(ret->tree, "queries", &http->query) < 0) {
        invoke_http_done(ret);
        return -EINVAL;
    }
    return 0;
}

void invoke_http_done(struct invoke_http *h)
{
    free((void *)(uintptr_t)h->http.headers.at);
    free((void *)(uintptr_t)h->http.query.at);
    json_free(h->tree);
    *h = (struct invoke_http){0};
}
