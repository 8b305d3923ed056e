/* SPDX-License-Identifier: Apache-2.0 */
/* uploads.c - the uploads under way in a bucket: few enough (OBJECT_UPLOADS in all) to look at each. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "object/internal.h"

enum { WALK_MAGIC = 0x4f57414c };

struct walk {
    uint32_t magic;
    struct objects *o;
    char bucket[OBJECT_ID];   /* its id */
    struct upload_info *list; /* owned, with their keys */
    uint32_t n, room;
    uploads_fn *fn;
    void *user;
};

static int by_key(const void *a, const void *b)
{
    const struct upload_info *x = a, *y = b;
    int r = strcmp(x->key, y->key);

    return r ? r : strcmp(x->id, y->id);
}

static void end(struct walk *w, int r)
{
    struct objects *o = w->o;

    if (w->n > 0)
        qsort(w->list, w->n, sizeof(*w->list), by_key);
    w->fn(w->user, r, w->list, r == 0 ? w->n : 0);
    for (uint32_t i = 0; i < w->n; i++)
        free(w->list[i].key);
    free(w->list);
    w->magic = 0;
    free(w);
    objects_ended(o);
}

static void take(struct walk *w, const struct kv_item *item)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(item->value, NULL);
    struct str id = str_from(item->key, strlen("object-up/"));
    struct str bucket = STR_NONE, key = STR_NONE;
    struct upload_info *u;

    if (!tree || id.n != OBJECT_UPLOAD - 1 || json_str(tree, "bucket", false, &bucket, NULL) < 0 ||
        json_str(tree, "key", false, &key, NULL) < 0 || !str_eq(bucket, str_of(w->bucket)))
        return;
    if (w->n == w->room) {
        w->room = w->room ? 2 * w->room : 16;
        w->list = xrealloc(w->list, w->room, sizeof(*w->list));
    }
    u = &w->list[w->n++];
    *u = (struct upload_info){.key = str_dup(key)};
    memcpy(u->id, id.p, id.n);
    (void)json_int(tree, "created_ms", false, 0, INT64_MAX, &u->created_ms, NULL);
}

static void ask(struct walk *w, struct str after);

static void on_page(void *user, int r, const struct kv_page *page)
{
    struct walk *w = OBJ(user, struct walk, WALK_MAGIC);

    for (uint32_t i = 0; r == 0 && i < page->n; i++)
        take(w, &page->items[i]);
    if (r == 0 && page->more && page->n > 0)
        ask(w, page->items[page->n - 1].key);
    else
        end(w, r);
}

static void ask(struct walk *w, struct str after)
{
    kv_list(w->o->kv,
            &(struct kv_range){.prefix = S("object-up/"), .after = after, .limit = KV_LIST},
            on_page, w);
}

void objects_uploads(struct objects *o, struct str bucket, uploads_fn *fn, void *user)
{
    const struct bucket *b = bucket_of(o, bucket);
    struct walk *w = xnew(struct walk);

    assert(b);
    *w = (struct walk){.magic = WALK_MAGIC, .o = o, .fn = fn, .user = user};
    memcpy(w->bucket, b->id, sizeof(w->bucket));
    objects_began(o);
    ask(w, STR_NONE);
}
