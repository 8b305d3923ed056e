/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c - records of buckets and objects as JSON text, and back. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "object/internal.h"

void object_done(struct object *ob)
{
    free(ob->type);
    free(ob->headers);
    free(ob->parts);
    *ob = (struct object){0};
}

void object_copy(const struct object *ob, struct object *ret)
{
    *ret = *ob;
    ret->type = xstrdup(ob->type ? ob->type : "");
    ret->headers = xstrdup(ob->headers ? ob->headers : "");
    ret->parts = xcalloc(ob->nparts + 1, sizeof(*ret->parts));
    if (ob->nparts > 0)
        memcpy(ret->parts, ob->parts, ob->nparts * sizeof(*ret->parts));
}

void object_encode(const struct object *ob, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "size", (int64_t)ob->size);
    jw_kint(&w, "modified_ms", ob->modified_ms);
    jw_kstrz(&w, "etag", ob->etag);
    jw_kstrz(&w, "type", ob->type);
    jw_kstrz(&w, "headers", ob->headers);
    jw_key(&w, "parts"); /* sha, size, sha, size, ... */
    jw_arr(&w);
    for (uint32_t i = 0; i < ob->nparts; i++) {
        jw_str(&w, str_of(ob->parts[i].sha));
        jw_int(&w, (int64_t)ob->parts[i].size);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
}

static int read_parts(const cJSON *list, struct object *ob)
{
    int n = cJSON_GetArraySize(list);
    uint64_t sum = 0;
    const cJSON *it;

    if (!cJSON_IsArray(list) || n % 2 != 0 || n / 2 > OBJECT_PARTS)
        return -EINVAL;
    ob->parts = xcalloc((size_t)n / 2 + 1, sizeof(*ob->parts));
    cJSON_ArrayForEach(it, list)
    {
        struct object_part *p = &ob->parts[ob->nparts++];

        if (!cJSON_IsString(it) || !is_hex(str_of(it->valuestring), SHA256_HEX - 1))
            return -EINVAL;
        memcpy(p->sha, it->valuestring, SHA256_HEX);
        it = it->next;
        if (!cJSON_IsNumber(it) || it->valuedouble < 0 || it->valuedouble > 1e15)
            return -EINVAL;
        p->size = (uint64_t)it->valuedouble;
        sum += p->size;
    }
    return sum == ob->size ? 0 : -EINVAL;
}

int object_decode(struct str json, struct object *ret)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(json, NULL);
    struct str etag = STR_NONE, type = STR_NONE, headers = STR_NONE;
    struct object ob = {0};
    int64_t size = -1;
    int r;

    if (!tree || json_int(tree, "size", false, 0, INT64_MAX, &size, NULL) < 0 || size < 0 ||
        json_int(tree, "modified_ms", false, 0, INT64_MAX, &ob.modified_ms, NULL) < 0 ||
        json_str(tree, "etag", false, &etag, NULL) < 0 || etag.n >= sizeof(ob.etag) ||
        json_str(tree, "type", false, &type, NULL) < 0 ||
        json_str(tree, "headers", false, &headers, NULL) < 0)
        return -EINVAL;
    ob.size = (uint64_t)size;
    memcpy(ob.etag, etag.p ? etag.p : "", etag.n);
    ob.type = str_dup(type);
    ob.headers = str_dup(headers);
    r = read_parts(json_get(tree, "parts"), &ob);
    if (r < 0)
        object_done(&ob);
    else
        *ret = ob;
    return r;
}

void bucket_encode(const struct bucket *b, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kstrz(&w, "id", b->id);
    jw_kstrz(&w, "owner", b->owner);
    jw_kstrz(&w, "region", b->region);
    jw_kint(&w, "created_ms", b->created_ms);
    jw_obj_end(&w);
}

struct bucket *bucket_decode(struct str name, struct str json)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(json, NULL);
    struct str id = STR_NONE, owner = STR_NONE, region = STR_NONE;
    int64_t created_ms = 0;
    struct bucket *b;

    if (!tree || !bucket_name_is_valid(name) || json_str(tree, "id", false, &id, NULL) < 0 ||
        id.n != OBJECT_ID - 1 || json_str(tree, "owner", false, &owner, NULL) < 0 ||
        json_str(tree, "region", false, &region, NULL) < 0 ||
        json_int(tree, "created_ms", false, 0, INT64_MAX, &created_ms, NULL) < 0)
        return NULL;
    b = xnew(struct bucket);
    memcpy(b->name, name.p, name.n);
    memcpy(b->id, id.p, id.n);
    b->owner = str_dup(owner);
    b->region = str_dup(region);
    b->created_ms = created_ms;
    return b;
}

struct bucket *bucket_free(struct bucket *b)
{
    if (!b)
        return NULL;
    free(b->owner);
    free(b->region);
    free(b);
    return NULL;
}
