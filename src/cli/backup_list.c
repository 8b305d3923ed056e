/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup_list.c - what a backup says it holds.
 *
 * The list is believed no more than its archive: a path is one of the few that a data directory
 * has, spelled in one way, so that nothing in a backup can name a place outside of it.
 */
#include "cli/backup_list.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"

enum { PART_MAX = 128 };

/* Letters, digits, '.', '_', '-'; neither hidden nor a way up. */
static bool is_part(struct str s)
{
    if (s.n == 0 || s.n > PART_MAX || s.p[0] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower(s.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return true;
}

bool backup_path_ok(struct str path)
{
    static const char *const alone[] = {"format", "keys.json", "meta.db", "queue.db",
                                        "queue.db.mark"};
    struct str rest = path, folder = str_cut(&rest, '/'), inner;

    if (!rest.p) {
        for (size_t i = 0; i < ARRAY_LEN(alone); i++)
            if (str_eq(folder, str_of(alone[i])))
                return true;
        return false;
    }
    if (str_eq(folder, S("blobs")))
        return is_hex(rest, SHA256_HEX - 1);
    if (!str_eq(folder, S("logs")))
        return false;
    inner = str_cut(&rest, '/');
    return is_part(inner) && (!rest.p || is_part(rest));
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct backup_item *)a)->path, ((const struct backup_item *)b)->path);
}

static int parse_item(const struct cJSON *from, struct backup_item *to, struct err *e)
{
    struct str path = STR_NONE, sha = STR_NONE;
    int64_t bytes = -1;
    int r;

    if (!cJSON_IsObject(from))
        return err_set(e, ERR_CALLER, -EINVAL, "an entry of its list is no object");
    r = json_str(from, "path", false, &path, e);
    if (r == 0)
        r = json_str(from, "sha256", false, &sha, e);
    if (r == 0)
        r = json_int(from, "bytes", false, 0, INT64_MAX / 2, &bytes, e);
    if (r < 0)
        return r;
    if (!backup_path_ok(path))
        return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' is no file of a backup",
                       (int)(path.n < 100 ? path.n : 100), path.p ? path.p : "");
    if (!is_hex(sha, SHA256_HEX - 1) || bytes < 0)
        return err_set(e, ERR_CALLER, -EINVAL, "its list has no size or hash for '%.*s'",
                       STR_ARG(path));
    to->path = str_dup(path);
    to->bytes = (uint64_t)bytes;
    memcpy(to->sha256, sha.p, SHA256_HEX - 1);
    return 0;
}

static int check_all(struct backup_list *l, struct err *e)
{
    qsort(l->items, l->n, sizeof(*l->items), by_path);
    for (size_t i = 0; i < l->n; i++) {
        const struct backup_item *item = &l->items[i];

        if (i > 0 && strcmp(l->items[i - 1].path, item->path) == 0)
            return err_set(e, ERR_CALLER, -EINVAL, "its list has '%s' twice", item->path);
        if (l->bytes + item->bytes < l->bytes || l->bytes + item->bytes > INT64_MAX)
            return err_set(e, ERR_CALLER, -EINVAL, "its list has impossible sizes");
        l->bytes += item->bytes;
        if (str_starts(str_of(item->path), S("blobs/")) &&
            strcmp(item->path + strlen("blobs/"), item->sha256) != 0)
            return err_set(e, ERR_CALLER, -EINVAL, "'%s' has another hash than its name",
                           item->path);
    }
    if (!backup_list_find(l, "meta.db") || !backup_list_find(l, "format"))
        return err_set(e, ERR_CALLER, -EINVAL, "its list has no meta.db or no format");
    return 0;
}

int backup_list_parse(const struct cJSON *files, struct backup_list *ret, struct err *e)
{
    struct backup_list l = {0};
    const struct cJSON *file;
    int n = cJSON_IsArray(files) ? cJSON_GetArraySize(files) : -1, r = 0;

    if (n < 1 || n > BACKUP_FILES_MAX)
        return err_set(e, ERR_CALLER, -EINVAL, "it has no list of 1 to %d files", BACKUP_FILES_MAX);
    l.items = xcalloc((size_t)n, sizeof(*l.items));
    cJSON_ArrayForEach(file, files)
    {
        r = parse_item(file, &l.items[l.n], e);
        if (r < 0)
            break;
        l.n++;
    }
    if (r == 0)
        r = check_all(&l, e);
    if (r < 0)
        backup_list_done(&l);
    else
        *ret = l;
    return r;
}

void backup_list_done(struct backup_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->items[i].path);
    free(l->items);
    *l = (struct backup_list){0};
}

struct backup_item *backup_list_find(const struct backup_list *l, const char *path)
{
    struct backup_item key = {.path = (char *)path};

    return l->n ? bsearch(&key, l->items, l->n, sizeof(key), by_path) : NULL;
}

void backup_list_write(const struct backup_list *l, int64_t created_ms, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "evoke_backup", BACKUP_FORMAT);
    jw_kstrz(&w, "version", EVOKE_VERSION);
    jw_kint(&w, "created_ms", created_ms);
    jw_key(&w, "files");
    jw_arr(&w);
    for (size_t i = 0; i < l->n; i++) {
        jw_obj(&w);
        jw_kstrz(&w, "path", l->items[i].path);
        jw_kint(&w, "bytes", (int64_t)l->items[i].bytes);
        jw_kstrz(&w, "sha256", l->items[i].sha256);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
    buf_addc(out, '\n');
}

int backup_list_read(struct str text, struct backup_list *ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(text, e);
    int64_t format = 0;
    int r;

    if (!tree)
        return err_wrap(e, -EINVAL, "its list");
    r = json_int(tree, "evoke_backup", false, 1, INT32_MAX, &format, e);
    if (r < 0 || format == 0)
        return err_set(e, ERR_CALLER, -EINVAL, "its list is not that of a backup of evoke");
    if (format > BACKUP_FORMAT)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "it has format %lld, this program knows %d: use a "
                       "newer evoke",
                       (long long)format, BACKUP_FORMAT);
    return backup_list_parse(json_get(tree, "files"), ret, e);
}
