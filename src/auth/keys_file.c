/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys_file.c - keys.json, a file only its owner can read.
 *
 * The file is opened once and judged by its descriptor (fstat), so what was checked is what is
 * read. Whoever can read it may act for every account: a file that group or others can read is
 * refused with the command that mends it, instead of being used with a warning nobody sees.
 *
 * It is written whole, beside, synced and renamed (io_write_file()): a crash leaves the keys before
 * or the keys after.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/keys_internal.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"

#define KEYS_FILE "keys.json"

enum { MAX_FILE = 1 << 20, FORMAT = 2 };

/* One text of a row into the key; absent: "". */
static int get_text(const struct cJSON *item, const char *name, char *out, size_t size,
                    struct err *e)
{
    struct str text = STR_NONE;
    int r = json_str(item, name, false, &text, e);

    if (r < 0)
        return r;
    if (text.p && (text.n >= size || memchr(text.p, 0, text.n)))
        return err_set(e, ERR_CALLER, -EINVAL, "%s has more than %zu characters", name, size - 1);
    if (text.p)
        memcpy(out, text.p, text.n);
    out[text.n] = '\0';
    return 0;
}

static int get_scope(const struct cJSON *item, struct key *key, struct err *e)
{
    const struct cJSON *list = json_get(item, "scope"), *word;

    if (!cJSON_IsArray(list))
        return err_set(e, ERR_CALLER, -EINVAL, "the scope of '%s' is not a list", key->access_key);
    cJSON_ArrayForEach(word, list)
    {
        int bit = cJSON_IsString(word) ? key_scope_of(str_of(word->valuestring)) : -EINVAL;

        if (bit < 0)
            return err_set(e, ERR_CALLER, -EINVAL, "the scope of '%s' has an unknown word",
                           key->access_key);
        key->scope |= (uint8_t)bit;
    }
    return 0;
}

/* What format 1 did not have. */
static int get_rest(const struct cJSON *item, struct key *key, struct err *e)
{
    int r = get_text(item, "old_secret_key", key->old_secret, sizeof(key->old_secret), e);

    if (r == 0)
        r = get_text(item, "name", key->name, sizeof(key->name), e);
    if (r == 0)
        r = get_text(item, "account", key->account, sizeof(key->account), e);
    if (r == 0)
        r = get_text(item, "dialect", key->dialect, sizeof(key->dialect), e);
    if (r == 0)
        r = json_int(item, "created_ms", false, 0, INT64_MAX, &key->created_ms, e);
    if (r == 0)
        r = json_int(item, "ends_ms", false, 0, INT64_MAX, &key->ends_ms, e);
    return r == 0 ? get_scope(item, key, e) : r;
}

static int parse_one(struct key_list *l, const struct cJSON *item, int64_t format, struct err *e)
{
    struct key key = {0};
    int r;

    if (!cJSON_IsObject(item))
        return err_set(e, ERR_CALLER, -EINVAL, "an entry of 'keys' is not an object");
    r = get_text(item, "access_key", key.access_key, sizeof(key.access_key), e);
    if (r == 0)
        r = get_text(item, "secret_key", key.secret_key, sizeof(key.secret_key), e);
    if (r == 0)
        r = json_bool(item, "root", false, &key.root, e);
    if (r == 0 && format >= 2) {
        r = get_rest(item, &key, e);
    } else {
        key.scope = KEY_ADMIN;
        if (key.root)
            (void)snprintf(key.name, sizeof(key.name), "root");
        else
            (void)snprintf(key.name, sizeof(key.name), "key-%zu", l->n + 1);
    }
    if (r == 0 && key.root && key_list_root(l))
        r = err_set(e, ERR_CALLER, -EINVAL, "2 keys are root, it must be one");
    if (r == 0)
        r = key_list_check(l, &key, e);
    if (r == 0)
        (void)key_list_add(l, &key);
    key_wipe(&key);
    return r;
}

static int check_roots(const struct key_list *l, int64_t format, struct err *e)
{
    size_t roots = 0;

    for (size_t i = 0; i < l->n; i++)
        roots += l->keys[i].root;
    /* Without one: it was written while the root pair came from the environment. */
    if (roots == 1 || (roots == 0 && format >= 2))
        return 0;
    return err_set(e, ERR_CALLER, -EINVAL, "%zu keys are root, it must be one", roots);
}

static int parse(struct str text, struct key_list *l, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(text, e);
    const struct cJSON *list, *item;
    int64_t version = 0;
    int r;

    if (!tree)
        return -EINVAL;
    r = json_int(tree, "version", false, INT32_MIN, INT32_MAX, &version, e);
    if (r < 0)
        return r;
    if (version < 1 || version > FORMAT)
        return err_set(e, ERR_CALLER, -EINVAL, "version is not 1 or %d%s", FORMAT,
                       version > FORMAT ? ": use a newer evoke" : "");
    list = json_get(tree, "keys");
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > KEYS_LIMIT)
        return err_set(e, ERR_CALLER, -EINVAL, "'keys' is not a list of at most %d", KEYS_LIMIT);
    cJSON_ArrayForEach(item, list)
    {
        r = parse_one(l, item, version, e);
        if (r < 0)
            return r;
    }
    return check_roots(l, version, e);
}

static int check_mode(int fd, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(e, "fstat");
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_HOST, -EINVAL, "it is not a regular file");
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return err_set(e, ERR_CALLER, -EPERM,
                       "group or others may use it (mode %04o); run: chmod 600 " KEYS_FILE,
                       (unsigned int)(st.st_mode & 07777));
    return 0;
}

int key_file_load(int dirfd, struct key_list *ret, struct err *e)
{
    cleanup_close int fd =
            openat(dirfd, KEYS_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    cleanup_free char *text = NULL;
    ssize_t n;
    int r;

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_sys(e, "open");
    r = check_mode(fd, e);
    if (r < 0)
        return r;
    text = xcalloc(1, MAX_FILE + 1);
    n = io_read_full(fd, text, MAX_FILE + 1);
    if (n < 0)
        return err_set(e, ERR_HOST, (int)n, "read: %s", strerror((int)-n));
    if (n > MAX_FILE)
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "it is larger than %d bytes", MAX_FILE);
    r = parse((struct str){text, (size_t)n}, ret, e);
    explicit_bzero(text, (size_t)n);
    return r < 0 ? r : 1;
}

void key_put_scope(struct jw *w, const struct key *key)
{
    jw_key(w, "scope");
    jw_arr(w);
    for (int i = 0; i < KEY_SCOPES; i++)
        if (key->scope & (1 << i))
            jw_str(w, str_of(key_scope_names[i]));
    jw_arr_end(w);
}

static void put_one(struct jw *w, const struct key *key)
{
    jw_obj(w);
    jw_kstrz(w, "access_key", key->access_key);
    jw_kstrz(w, "secret_key", key->secret_key);
    if (key->old_secret[0]) {
        jw_kstrz(w, "old_secret_key", key->old_secret);
        jw_kint(w, "ends_ms", key->ends_ms);
    }
    jw_kstrz(w, "name", key->name);
    if (key->root)
        jw_kbool(w, "root", true);
    key_put_scope(w, key);
    if (key->account[0])
        jw_kstrz(w, "account", key->account);
    if (key->dialect[0])
        jw_kstrz(w, "dialect", key->dialect);
    jw_kint(w, "created_ms", key->created_ms);
    jw_obj_end(w);
}

int key_file_save(int dirfd, const struct key_list *list, const struct key_list *kept, bool outside,
                  struct err *e)
{
    struct buf text;
    struct jw w;
    int r;

    buf_init(&text, MAX_FILE);
    (void)buf_room(&text, MAX_FILE); /* at once: growing would leave copies of secrets behind */
    jw_init(&w, &text);
    jw_obj(&w);
    jw_kint(&w, "version", FORMAT);
    jw_key(&w, "keys");
    jw_arr(&w);
    for (size_t i = 0; i < kept->n; i++)
        put_one(&w, &kept->keys[i]);
    for (size_t i = 0; i < list->n; i++)
        if (!(outside && list->keys[i].root))
            put_one(&w, &list->keys[i]);
    jw_arr_end(&w);
    jw_obj_end(&w);
    buf_addc(&text, '\n');
    r = buf_ok(&text)
                ? io_write_file(dirfd, KEYS_FILE, buf_str(&text), 0600, e)
                : err_set(e, ERR_LIMIT, -EMSGSIZE, "it would be larger than %d bytes", MAX_FILE);
    explicit_bzero(text.p, text.n);
    buf_done(&text);
    return r;
}
