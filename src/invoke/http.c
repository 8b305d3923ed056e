/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http.c - the request that an HTTP handler answers, kept until its instance has been told of it.
 *
 * It is copied once, into one piece of memory: the struct, its lists, then all text. Only what OPEN
 * tells is taken along; the body is the run's payload.
 */
#include "invoke/internal.h"

#include <string.h>

#include "base/alloc.h"

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
