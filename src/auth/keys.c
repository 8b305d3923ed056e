/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keys.c - the access keys of this installation, from a file only its owner can read.
 *
 * The file is opened once and judged by its descriptor (fstat), so what was checked is what is
 * read. Whoever can read it may act for every account: a file that group or others can read is
 * refused with the command that mends it, instead of being used with a warning nobody sees.
 *
 * What always holds after keys_open(): there is exactly one root key, names differ, and no pair is
 * empty. Secrets are wiped before their memory is given back.
 */
#include "auth/keys.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"

#define KEYS_FILE "keys.json"

enum { MAX_FILE = 256 * 1024, MAX_KEYS = 1000, MAX_ACCESS = 128, MAX_SECRET = 256 };
enum { ACCESS_CHARS = 20, SECRET_CHARS = 40 }; /* of a pair we make; the clouds' own lengths */

struct pair {
    char *access_key, *secret_key;
    bool root;
};

struct keys {
    struct pair *pairs;
    size_t n, root;
    struct role_root role_root;
};

static char *wipe(char *secret)
{
    if (secret) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
    return NULL;
}

struct keys *keys_free(struct keys *k)
{
    if (!k)
        return NULL;
    for (size_t i = 0; i < k->n; i++) {
        free(k->pairs[i].access_key);
        k->pairs[i].secret_key = wipe(k->pairs[i].secret_key);
    }
    free(k->pairs);
    explicit_bzero(&k->role_root, sizeof(k->role_root));
    free(k);
    return NULL;
}

static void keys_freep(struct keys **k)
{
    *k = keys_free(*k);
}

/* Printable ASCII without what separates things in an Authorization header. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == ',' || s.p[i] == ':')
            return false;
    return s.n > 0;
}

static int check_pair(struct str access, struct str secret, struct err *e)
{
    if (!is_plain(access) || access.n > MAX_ACCESS)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "an access key has 1 to %d printable characters, none of them ',' or ':'",
                       MAX_ACCESS);
    if (!secret.n || secret.n > MAX_SECRET)
        return err_set(e, ERR_CALLER, -EINVAL, "the secret of '%.*s' must have 1 to %d characters",
                       STR_ARG(access), MAX_SECRET);
    return 0;
}

static int add_pair(struct keys *k, struct str access, struct str secret, bool root, struct err *e)
{
    int r = check_pair(access, secret, e);

    if (r < 0)
        return r;
    for (size_t i = 0; i < k->n; i++)
        if (str_eq(str_of(k->pairs[i].access_key), access))
            return err_set(e, ERR_CALLER, -EEXIST, "the access key '%.*s' is there twice",
                           STR_ARG(access));
    k->pairs = xrealloc(k->pairs, k->n + 1, sizeof(*k->pairs));
    k->pairs[k->n] = (struct pair){str_dup(access), str_dup(secret), root};
    if (root)
        k->root = k->n;
    k->n++;
    return 0;
}

static int parse_one(struct keys *k, const struct cJSON *item, size_t *roots, struct err *e)
{
    struct str access = STR_NONE, secret = STR_NONE;
    bool root = false;
    int r;

    if (!cJSON_IsObject(item))
        return err_set(e, ERR_CALLER, -EINVAL, "an entry of 'keys' is not an object");
    r = json_str(item, "access_key", false, &access, e);
    if (r == 0)
        r = json_str(item, "secret_key", false, &secret, e);
    if (r == 0)
        r = json_bool(item, "root", false, &root, e);
    if (r < 0)
        return r;
    *roots += root;
    return add_pair(k, access, secret, root, e);
}

static int parse(struct str text, struct keys *k, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(text, e);
    const struct cJSON *list, *item;
    int64_t version = 0;
    size_t roots = 0;
    int r;

    if (!tree)
        return -EINVAL;
    r = json_int(tree, "version", false, INT32_MIN, INT32_MAX, &version, e);
    if (r < 0)
        return r;
    if (version != 1)
        return err_set(e, ERR_CALLER, -EINVAL, "version is not 1");
    list = json_get(tree, "keys");
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) > MAX_KEYS)
        return err_set(e, ERR_CALLER, -EINVAL, "'keys' is not a list of at most %d", MAX_KEYS);
    cJSON_ArrayForEach(item, list)
    {
        r = parse_one(k, item, &roots, e);
        if (r < 0)
            return r;
    }
    if (roots != 1)
        return err_set(e, ERR_CALLER, -EINVAL, "%zu keys are root, it must be one", roots);
    return 0;
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

/* 1 when read, 0 when there is none. */
static int load(int dirfd, struct keys *k, struct err *e)
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
    r = parse((struct str){text, (size_t)n}, k, e);
    explicit_bzero(text, MAX_FILE + 1);
    return r < 0 ? r : 1;
}

/* Letters and digits that are not mistaken for each other; 32 of them, so no byte is favoured. */
static void random_text(char *out, size_t n)
{
    static const char letters[] = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    uint8_t raw[SECRET_CHARS];

    random_bytes(raw, n);
    for (size_t i = 0; i < n; i++)
        out[i] = letters[raw[i] % 32];
    out[n] = '\0';
    explicit_bzero(raw, sizeof(raw));
}

static int make(int dirfd, struct keys *k, struct err *e)
{
    char access[ACCESS_CHARS + 1], secret[SECRET_CHARS + 1];
    struct buf text;
    int r;

    random_text(access, ACCESS_CHARS);
    random_text(secret, SECRET_CHARS);
    r = add_pair(k, str_of(access), str_of(secret), true, e);
    if (r < 0)
        return r;
    buf_init(&text, MAX_FILE);
    buf_addf(&text,
             "{\"version\":1,\"keys\":[{\"access_key\":\"%s\",\"secret_key\":\"%s\",\"root\":true}]"
             "}\n",
             access, secret);
    r = io_write_file(dirfd, KEYS_FILE, buf_str(&text), 0600, e);
    explicit_bzero(text.p, text.n);
    buf_done(&text);
    explicit_bzero(secret, sizeof(secret));
    return r;
}

static void drop_root(struct keys *k)
{
    struct pair *last = &k->pairs[k->n - 1], *root = &k->pairs[k->root];

    free(root->access_key);
    root->secret_key = wipe(root->secret_key);
    if (root != last)
        *root = *last;
    k->n--;
}

int keys_open(int dirfd, const char *access, const char *secret, struct keys **ret,
              bool *ret_created, struct err *e)
{
    cleanup_with(keys_freep) struct keys *k = xnew(struct keys);
    bool given = access && access[0], created = false;
    int r;

    if (given != (secret && secret[0]))
        return err_set(e, ERR_CALLER, -EINVAL,
                       "EVOKE_ACCESS_KEY and EVOKE_SECRET_KEY are a pair: set both or none");

    r = load(dirfd, k, e);
    if (r < 0)
        return err_wrap(e, r, KEYS_FILE);
    if (given) {
        if (r == 1)
            drop_root(k);
        r = add_pair(k, str_of(access), str_of(secret), true, e);
        if (r < 0)
            return err_wrap(e, r, "EVOKE_ACCESS_KEY");
    } else if (r == 0) {
        r = make(dirfd, k, e);
        if (r < 0)
            return err_wrap(e, r, KEYS_FILE);
        created = true;
    }

    k->role_root = role_root_of(str_of(k->pairs[k->root].secret_key));
    *ret = TAKE_PTR(k);
    *ret_created = created;
    return 0;
}

static struct key view(const struct pair *p)
{
    return (struct key){p->access_key, p->secret_key, p->root};
}

int keys_find(const struct keys *k, struct str access_key, struct key *ret)
{
    const struct pair *found = NULL;

    for (size_t i = 0; i < k->n; i++) /* all of them, always */
        if (same_secret(str_of(k->pairs[i].access_key), access_key))
            found = &k->pairs[i];
    if (!found)
        return -ENOENT;
    *ret = view(found);
    return 0;
}

struct key keys_root(const struct keys *k)
{
    return view(&k->pairs[k->root]);
}

struct role_root keys_role_root(const struct keys *k)
{
    return k->role_root;
}
