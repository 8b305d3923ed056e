/* SPDX-License-Identifier: Apache-2.0 */
/*
 * names.c - what of the blobs belongs to objects, for who collects the others; and what of uploads
 * nobody will finish.
 *
 * uploads -> (old ones are removed) -> parts -> (those of no upload are removed) -> objects
 *
 * What is put while we read is young, and the collector leaves the young alone.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/map.h"
#include "base/obj.h"
#include "object/internal.h"

enum { NAMES_MAGIC = 0x4f4e414d, WEEK_MS = 7 * 24 * 60 * 60 * 1000, YOUNG_MS = 60 * 1000 };

enum stage { UPLOADS, PARTS, OBJECTS, STAGES };
static const char *const prefixes[STAGES] = {
        [UPLOADS] = "object-up/", [PARTS] = "object-part/", [OBJECTS] = "object/"};

struct names {
    uint32_t magic;
    struct objects *o;
    enum stage stage;
    int64_t started_ms;
    struct map *alive;          /* owned: ids of uploads; values are the struct itself */
    char orphan[OBJECT_UPLOAD]; /* whose parts go: the last one seen */
    uint32_t uploads;
    struct buf after;
    char (*shas)[SHA256_HEX]; /* owned */
    size_t n, room;
    objects_names_fn *fn;
    void *user;
};

static void end(struct names *x, int r)
{
    struct objects *o = x->o;

    x->fn(x->user, r, x->shas, x->n);
    x->alive = map_free(x->alive);
    buf_done(&x->after);
    x->magic = 0;
    free(x);
    objects_ended(o);
}

static void name(struct names *x, const char *sha)
{
    if (x->n == x->room) {
        x->room = x->room ? 2 * x->room : 64;
        x->shas = xrealloc(x->shas, x->room, SHA256_HEX);
    }
    memcpy(x->shas[x->n++], sha, SHA256_HEX);
}

static void on_old_removed(void *user, int r, uint64_t rev)
{
    (void)r; /* if it failed, the next time */
    (void)rev;
    objects_ended(OBJ(user, struct objects, OBJECTS_MAGIC));
}

static void take_upload(struct names *x, const struct kv_item *item)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(item->value, NULL);
    struct str id = str_from(item->key, strlen(prefixes[UPLOADS]));
    struct kv_op op = {.del = true, .key = item->key};
    int64_t created_ms = 0;

    if (tree && json_int(tree, "created_ms", false, 0, INT64_MAX, &created_ms, NULL) == 0 &&
        created_ms + WEEK_MS >= clock_wall_ms()) {
        (void)map_put(x->alive, id, x);
        x->uploads++;
        return;
    }
    objects_began(x->o);
    kv_txn(x->o->kv, &(struct kv_txn){.ops = &op, .nops = 1}, on_old_removed, x->o);
}

static void take_part(struct names *x, const struct kv_item *item)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(item->value, NULL);
    struct str rest = str_from(item->key, strlen(prefixes[PARTS])), id = str_cut(&rest, '/');
    struct str sha = STR_NONE;
    int64_t modified_ms = 0;

    if (tree)
        (void)json_int(tree, "modified_ms", false, 0, INT64_MAX, &modified_ms, NULL);
    /* One that has begun since we looked is not among the living, and its parts are young. */
    if (!map_get(x->alive, id) && modified_ms + YOUNG_MS < x->started_ms) {
        if (id.n == OBJECT_UPLOAD - 1 && !str_eq(id, str_of(x->orphan))) {
            memcpy(x->orphan, id.p, id.n);
            objects_purge_parts(x->o, id);
        }
        return;
    }
    if (tree && json_str(tree, "sha", false, &sha, NULL) == 0 && is_hex(sha, SHA256_HEX - 1)) {
        char text[SHA256_HEX];

        memcpy(text, sha.p, sha.n);
        text[sha.n] = '\0';
        name(x, text);
    }
}

static void take_object(struct names *x, const struct kv_item *item)
{
    struct object ob;

    if (object_decode(item->value, &ob) < 0)
        return;
    for (uint32_t i = 0; i < ob.nparts; i++)
        name(x, ob.parts[i].sha);
    object_done(&ob);
}

static void ask(struct names *x);

static void on_page(void *user, int r, const struct kv_page *page)
{
    struct names *x = OBJ(user, struct names, NAMES_MAGIC);
    void (*const take[STAGES])(struct names *, const struct kv_item *) = {
            [UPLOADS] = take_upload, [PARTS] = take_part, [OBJECTS] = take_object};

    if (r < 0) {
        end(x, r);
        return;
    }
    for (uint32_t i = 0; i < page->n; i++)
        take[x->stage](x, &page->items[i]);
    buf_reset(&x->after);
    if (page->more && page->n > 0) {
        buf_adds(&x->after, page->items[page->n - 1].key);
    } else {
        if (x->stage == UPLOADS)
            x->o->uploads = x->uploads;
        x->stage++;
    }
    if (x->stage == STAGES)
        end(x, 0);
    else
        ask(x);
}

static void ask(struct names *x)
{
    struct kv_range range = {
            .prefix = str_of(prefixes[x->stage]), .after = buf_str(&x->after), .limit = KV_LIST};

    kv_list(x->o->kv, &range, on_page, x);
}

void objects_names(struct objects *o, objects_names_fn *fn, void *user)
{
    struct names *x = xnew(struct names);

    *x = (struct names){.magic = NAMES_MAGIC,
                        .o = o,
                        .started_ms = clock_wall_ms(),
                        .alive = map_new(),
                        .fn = fn,
                        .user = user};
    buf_init(&x->after, KEY_MAX);
    objects_began(o);
    ask(x);
}
