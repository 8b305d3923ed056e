/* SPDX-License-Identifier: Apache-2.0 */
/* settings.c - looks for the daemon and for a key pair. Source: design, section 10. */
#include "cli/settings.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "cli/command.h"

enum { KEYS_MAX = 1 << 20 };

static const char *from_environment(const char *name)
{
    const char *v = getenv(name);

    return v && *v ? v : NULL;
}

/* Owned. */
static char *data_directory(const struct common *common)
{
    const char *data = common->data ? common->data : from_environment("EVOKE_DATA");
    const char *home;

    if (data)
        return xstrdup(data);
    if (geteuid() == 0)
        return xstrdup("/var/lib/evoke");
    home = from_environment("HOME");
    return xasprintf("%s/.local/share/evoke", home ? home : "");
}

int settings_root_key(struct str json, char **ret_access, char **ret_secret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(json, e);
    const struct cJSON *keys;

    if (!tree)
        return -EINVAL;
    keys = json_get(tree, "keys");
    for (const struct cJSON *k = keys ? keys->child : NULL; k; k = k->next) {
        struct str access = STR_NONE, secret = STR_NONE;
        bool root = false;

        if (json_bool(k, "root", false, &root, NULL) < 0 || !root)
            continue;
        (void)json_str(k, "access_key", false, &access, NULL);
        (void)json_str(k, "secret_key", false, &secret, NULL);
        if (!access.n || !secret.n)
            continue;
        *ret_access = str_dup(access);
        *ret_secret = str_dup(secret);
        return 0;
    }
    return err_set(e, ERR_CALLER, -EACCES, "it holds no root key pair");
}

static void wipe(struct buf *b)
{
    explicit_bzero(b->p, b->n);
    buf_done(b);
}

static int read_keys(const struct common *common, struct settings *s, struct err *e)
{
    cleanup_free char *dir = data_directory(common);
    cleanup_free char *path = xasprintf("%s/keys.json", dir);
    struct buf text;
    int r;

    buf_init(&text, KEYS_MAX);
    r = io_read_file(AT_FDCWD, path, &text, e);
    if (r < 0) {
        buf_done(&text);
        return err_set(e, ERR_CALLER, -EACCES, "no key pair: '%.128s' cannot be read", path);
    }
    r = settings_root_key(buf_str(&text), &s->access_key, &s->secret_key, e);
    wipe(&text);
    return r < 0 ? err_wrap(e, -EACCES, "%.90s", path) : 0;
}

int settings_load(const struct common *common, struct settings *ret, struct err *e)
{
    const char *endpoint = common->endpoint ? common->endpoint : from_environment("EVOKE_ENDPOINT");
    const char *access = from_environment("EVOKE_ACCESS_KEY");
    const char *secret = from_environment("EVOKE_SECRET_KEY");
    int r = 0;

    if (!access != !secret)
        return err_set(e, ERR_CALLER, -EACCES,
                       "EVOKE_ACCESS_KEY and EVOKE_SECRET_KEY go together, %s is missing",
                       access ? "EVOKE_SECRET_KEY" : "EVOKE_ACCESS_KEY");
    ret->endpoint = xstrdup(endpoint ? endpoint : "http://127.0.0.1:8900");
    if (access) {
        ret->access_key = xstrdup(access);
        ret->secret_key = xstrdup(secret);
    } else {
        r = read_keys(common, ret, e);
    }
    return r;
}

void settings_done(struct settings *s)
{
    free(s->endpoint);
    free(s->access_key);
    if (s->secret_key)
        explicit_bzero(s->secret_key, strlen(s->secret_key));
    free(s->secret_key);
    *s = (struct settings){0};
}
