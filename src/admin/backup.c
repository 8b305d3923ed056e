/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backup.c - a backup is made, read in parts, and forgotten.
 *
 * POST makes it and names its files, each with size and hash; GET gives ranges of them, so that
 * neither side ever holds a large file; DELETE forgets it. Whoever does not delete is forgotten for
 * them: while a backup lives no package is removed.
 *
 * What is in a backup is all there is to know of an installation, keys included. Only keys with the
 * scope admin and no account may ask for one.
 */
#include "admin/backup.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "admin/handlers.h"
#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/backup.h"
#include "delivery/delivery.h"
#include "loop/loop.h"

#define STAGING "run/backup-" /* and the id */

enum { BACKUPS_MAGIC = 0x62616b73, LIST_MAX = 512 << 20, PART_MAX = 8 << 20 };

struct slot {
    char id[UUID_TEXT];    /* "": free */
    struct backup *backup; /* owned; NULL while it is made */
    struct loop_timer *idle;
    struct backups *all;
};

struct backups {
    uint32_t magic;
    struct loop *loop;
    struct catalog *catalog;
    struct slot slots[BACKUPS_MAX];
    uint32_t making; /* under way; the last of them frees this when it is closed */
    bool closed;
};

static void forget(struct slot *s)
{
    loop_timer_stop(s->idle);
    s->backup = backup_free(s->backup);
    s->id[0] = '\0';
}

static void on_idle(void *user)
{
    struct slot *s = user;

    (void)OBJ((void *)s->all, struct backups, BACKUPS_MAGIC);
    forget(s);
}

/* A daemon that was killed could not. */
static void sweep(void)
{
    DIR *d = io_open_dir(AT_FDCWD, "run");
    struct dirent *de;

    while (d && (de = readdir(d)))
        if (str_starts(str_of(de->d_name), S("backup-")))
            (void)io_remove_tree(dirfd(d), de->d_name);
    if (d)
        closedir(d);
}

struct backups *backups_new(struct loop *l, struct catalog *c)
{
    struct backups *b = xnew(struct backups);

    b->magic = BACKUPS_MAGIC;
    b->loop = l;
    b->catalog = c;
    for (size_t i = 0; i < BACKUPS_MAX; i++) {
        b->slots[i].all = b;
        b->slots[i].idle = loop_timer_new(l, on_idle, &b->slots[i]);
    }
    sweep();
    return b;
}

static void unless_making(struct backups *b)
{
    if (!b->closed || b->making)
        return;
    b->magic = 0;
    free(b);
}

struct backups *backups_free(struct backups *b)
{
    if (!b)
        return NULL;
    for (size_t i = 0; i < BACKUPS_MAX; i++) {
        forget(&b->slots[i]);
        b->slots[i].idle = loop_timer_free(b->slots[i].idle);
    }
    b->closed = true;
    unless_making(b);
    return NULL;
}

static struct slot *slot_of(struct backups *b, struct str id)
{
    for (size_t i = 0; id.n && i < BACKUPS_MAX; i++)
        if (str_eq(str_of(b->slots[i].id), id))
            return &b->slots[i];
    return NULL;
}

static struct slot *free_slot(struct backups *b)
{
    for (size_t i = 0; i < BACKUPS_MAX; i++)
        if (!b->slots[i].id[0])
            return &b->slots[i];
    return NULL;
}

/* ---- POST backup ---- */

struct making {
    struct call *call; /* ours to answer */
    struct backups *all;
    char id[UUID_TEXT];
};

static void reply_made(struct call *c, const char *id, const struct backup *b)
{
    const struct backup_file *files;
    uint64_t bytes = 0;
    struct buf body;
    struct jw w;
    size_t n;

    files = backup_files(b, &n);
    for (size_t i = 0; i < n; i++)
        bytes += files[i].bytes;
    buf_init(&body, LIST_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_kstrz(&w, "id", id);
    jw_kstrz(&w, "version", EVOKE_VERSION);
    jw_kint(&w, "bytes", (int64_t)bytes);
    jw_key(&w, "files");
    jw_arr(&w);
    for (size_t i = 0; i < n; i++) {
        jw_obj(&w);
        jw_kstrz(&w, "path", files[i].path);
        jw_kint(&w, "bytes", (int64_t)files[i].bytes);
        jw_kstrz(&w, "sha256", files[i].sha256);
        jw_obj_end(&w);
    }
    jw_arr_end(&w);
    jw_obj_end(&w);
    call_reply_buf(c, 201, S("application/json"), &body);
}

static void on_made(void *user, int r, struct backup *b, const struct err *e)
{
    struct making *m = user;
    struct slot *s = slot_of(m->all, str_of(m->id)); /* NULL: closed meanwhile */

    if (s && r == 0 && m->call->req) {
        s->backup = b;
        loop_timer_start(s->idle, BACKUPS_IDLE_MS);
        reply_made(m->call, m->id, b);
    } else { /* it failed, or whoever asked has gone */
        backup_free(b);
        if (s && !m->all->closed)
            forget(s);
        if (r < 0)
            call_fail_err(m->call, NULL, e);
        else
            call_fail(m->call, 503, NULL, "the daemon is ending");
    }
    m->all->making--;
    unless_making(m->all);
    free(m);
}

/* {"logs": true}: the functions' logs as well. */
static int wants_logs(struct call *c, bool *ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;

    if (!c->req->body.n)
        return 0;
    body = call_json(c, e);
    if (!body)
        return -EINVAL;
    for (const struct cJSON *item = body->child; item; item = item->next)
        if (!item->string || strcmp(item->string, "logs") != 0)
            return err_set(e, ERR_CALLER, -EINVAL, "the body may say \"logs\" and nothing else");
    return json_bool(body, "logs", false, ret, e);
}

void admin_backup_make(struct call *c)
{
    static const char *const extras[] = {"format", "keys.json", NULL};
    struct slot *s = free_slot(c->api->backups);
    char dir[sizeof(STAGING) + UUID_TEXT];
    struct making *m;
    struct err e = {0};
    bool logs = false;

    if (wants_logs(c, &logs, &e) < 0) {
        call_fail_err(c, NULL, &e);
        return;
    }
    if (!s) {
        call_fail(c, 429, NULL, "%d backups are being made or fetched already, which is the limit",
                  BACKUPS_MAX);
        return;
    }
    uuid4(s->id);
    m = xnew(struct making);
    m->call = c;
    m->all = c->api->backups;
    m->all->making++;
    memcpy(m->id, s->id, sizeof(m->id));
    (void)snprintf(dir, sizeof(dir), STAGING "%s", s->id);
    backup_begin(m->all->catalog,
                 &(struct backup_spec){.dir = dir,
                                       .extras = extras,
                                       .queue = delivery_queue(c->api->delivery),
                                       .logs = logs ? "logs" : NULL},
                 on_made, m);
}

/* ---- GET backup/{id}/{path} ---- */

/* Replies when there is none. */
static struct slot *find(struct call *c)
{
    struct slot *s = slot_of(c->api->backups, c->captures[0]);

    if (s && s->backup)
        return s;
    call_fail(c, 404, NULL,
              "there is no backup '%.*s' (any more: it is forgotten %d min after it "
              "was last asked for)",
              STR_ARG(c->captures[0]), BACKUPS_IDLE_MS / 60000);
    return NULL;
}

static void on_read(void *user, int r, struct str bytes)
{
    struct call *c = user;

    if (r < 0)
        call_fail(c, 503, NULL, "the file cannot be read: %s", strerror(-r));
    else
        call_reply(c, 200, S("application/octet-stream"), bytes);
}

static bool get_number(struct call *c, const char *name, uint64_t max, uint64_t *ret)
{
    struct str text = call_query(c, str_of(name));

    if (!text.p || str_u64(text, 0, max, ret) == 0)
        return true;
    call_fail(c, 400, NULL, "%s must be 0 to %llu", name, (unsigned long long)max);
    return false;
}

void admin_backup_read(struct call *c)
{
    struct slot *s = find(c);
    const struct backup_file *file;
    uint64_t offset = 0, length = PART_MAX;
    struct buf path;

    if (!s)
        return;
    buf_init(&path, 4096);
    for (size_t i = 1; i < 4 && c->captures[i].n; i++)
        buf_addf(&path, "%s%.*s", i > 1 ? "/" : "", STR_ARG(c->captures[i]));
    file = buf_ok(&path) ? backup_find(s->backup, buf_str(&path)) : NULL;
    if (!file)
        call_fail(c, 404, NULL, "the backup has no file '%.128s'", path.p);
    buf_done(&path);
    if (!file || !get_number(c, "offset", file->bytes, &offset) ||
        !get_number(c, "length", PART_MAX, &length))
        return;
    loop_timer_start(s->idle, BACKUPS_IDLE_MS);
    backup_read(s->backup, file, offset, (size_t)length, on_read, c); /* -> on_read */
}

void admin_backup_forget(struct call *c)
{
    struct slot *s = find(c);

    if (!s)
        return;
    forget(s);
    call_reply(c, 204, STR_NONE, STR_NONE);
}
