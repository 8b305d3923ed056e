/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_backup.c - evoke backup FILE: everything an installation knows, as one tar, while it runs.
 *
 *   evoke-backup.json   the list: path, size and sha256 of what follows
 *   format  meta.db  keys.json  blobs/<sha256>  logs/<hash>/<name>
 *
 * The daemon makes the copy and keeps it still; here it is fetched in parts, so that no file is held
 * whole, and hashed on its way: a backup that is damaged where it comes from is refused now and not
 * on the day it is needed. FILE is replaced only by a whole new one, readable by its owner only.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/backup_list.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "cli/progress.h"

enum { PART_BYTES = 4 << 20, CALL_TIMEOUT_MS = 300000, MAKE_TIMEOUT_MS = 3600000 };

struct backup_run {
    struct client *client; /* borrowed */
    char *id;              /* owned; NULL until the daemon has made it */
    struct backup_list list;
    struct archive *tar;
    struct progress progress;
    uint64_t done;
};

/* ---- the daemon's half ---- */

static int ask_for(struct backup_run *b, bool logs, struct err *e)
{
    struct client_request req = {.method = "POST",
                                 .path = S("/evoke/v1/backup"),
                                 .body = logs ? S("{\"logs\":true}") : S("{}"),
                                 .timeout_ms = MAKE_TIMEOUT_MS,
                                 .watched = true};
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf body;
    struct str id = STR_NONE;
    int r = client_call(b->client, &req, &body, e);

    if (r >= 0)
        r = client_json(&body, &tree, e);
    if (r < 0)
        return r;
    if (json_str(tree, "id", false, &id, NULL) < 0 || !id.n)
        return err_set(e, ERR_HOST, -EPROTO, "the daemon's answer has no id of a backup");
    b->id = str_dup(id);
    return backup_list_parse(json_get(tree, "files"), &b->list, e);
}

/* It would be forgotten anyhow, but until then no package is removed. */
static void forget(struct backup_run *b)
{
    cleanup_free char *path = NULL;
    struct client_request req = {.method = "DELETE", .timeout_ms = CALL_TIMEOUT_MS};
    struct buf body;

    if (!b->id)
        return;
    path = xasprintf("/evoke/v1/backup/%s", b->id);
    req.path = str_of(path);
    (void)client_call(b->client, &req, &body, NULL);
    buf_done(&body);
    free(b->id);
    b->id = NULL;
}

static int fetch(struct backup_run *b, const struct backup_item *item, uint64_t offset,
                 struct buf *ret, struct err *e)
{
    cleanup_free char *path = xasprintf("/evoke/v1/backup/%s/%s", b->id, item->path);
    cleanup_free char *query =
            xasprintf("offset=%llu&length=%d", (unsigned long long)offset, PART_BYTES);
    struct client_request req = {.method = "GET",
                                 .path = str_of(path),
                                 .query = str_of(query),
                                 .timeout_ms = CALL_TIMEOUT_MS,
                                 .watched = true};
    int r = client_call(b->client, &req, ret, e);

    if (r < 0)
        return r;
    if (ret->n == 0 || ret->n > item->bytes - offset)
        return err_set(e, ERR_HOST, -EPROTO, "'%s' came with another size than promised",
                       item->path);
    return 0;
}

/* ---- the archive ---- */

static int fail_tar(struct backup_run *b, struct err *e)
{
    int code = archive_errno(b->tar);

    return err_set(e, ERR_HOST, code > 0 ? -code : -EIO, "write the backup: %s",
                   archive_error_string(b->tar));
}

static int put_header(struct backup_run *b, const char *path, uint64_t bytes, int64_t now_ms,
                      struct err *e)
{
    struct archive_entry *entry = archive_entry_new();
    int r = 0;

    archive_entry_set_pathname(entry, path);
    archive_entry_set_size(entry, (la_int64_t)bytes);
    archive_entry_set_mtime(entry, now_ms / 1000, 0);
    archive_entry_set_mode(entry, S_IFREG | 0600);
    if (archive_write_header(b->tar, entry) != ARCHIVE_OK)
        r = fail_tar(b, e);
    archive_entry_free(entry);
    return r;
}

static int put_bytes(struct backup_run *b, struct str bytes, struct err *e)
{
    return archive_write_data(b->tar, bytes.p, bytes.n) == (la_ssize_t)bytes.n ? 0 : fail_tar(b, e);
}

static int put_list(struct backup_run *b, int64_t now_ms, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    int r;

    buf_init(&text, BACKUP_LIST_MAX);
    backup_list_write(&b->list, now_ms, &text);
    r = put_header(b, BACKUP_LIST_NAME, text.n, now_ms, e);
    return r < 0 ? r : put_bytes(b, buf_str(&text), e);
}

static int put_parts(struct backup_run *b, const struct backup_item *item,
                     struct sha256_stream *hash, struct err *e)
{
    uint64_t at = 0;
    int r = 0;

    while (r == 0 && at < item->bytes) {
        struct buf part;

        r = fetch(b, item, at, &part, e);
        if (r == 0)
            r = put_bytes(b, buf_str(&part), e);
        if (r == 0) {
            sha256_stream_add(hash, part.p, part.n);
            at += part.n;
            b->done += part.n;
            progress_bytes(&b->progress, b->done, b->list.bytes);
        }
        explicit_bzero(part.p, part.n); /* it may be keys.json */
        buf_done(&part);
    }
    return r;
}

static int put_file(struct backup_run *b, const struct backup_item *item, int64_t now_ms,
                    struct err *e)
{
    struct sha256_stream *hash = sha256_stream_new();
    char got[SHA256_HEX];
    int r = put_header(b, item->path, item->bytes, now_ms, e);

    if (r == 0)
        r = put_parts(b, item, hash, e);
    sha256_stream_end(hash, got);
    if (r == 0 && strcmp(got, item->sha256) != 0)
        r = err_set(e, ERR_HOST, -EIO,
                    "'%s' is damaged in the daemon's data directory, or changed on its way: no "
                    "backup was made",
                    item->path);
    return r;
}

static int write_tar(struct backup_run *b, int fd, struct err *e)
{
    int64_t now_ms = clock_wall_ms();
    int r = 0;

    b->tar = archive_write_new();
    if (!b->tar || archive_write_set_format_pax_restricted(b->tar) != ARCHIVE_OK ||
        archive_write_open_fd(b->tar, fd) != ARCHIVE_OK)
        return err_set(e, ERR_HOST, -ENOMEM, "the archive cannot be set up");
    progress_begin(&b->progress, "backup");
    r = put_list(b, now_ms, e);
    for (size_t i = 0; r == 0 && i < b->list.n; i++)
        r = put_file(b, &b->list.items[i], now_ms, e);
    progress_end(&b->progress);
    if (r == 0 && archive_write_close(b->tar) != ARCHIVE_OK)
        r = fail_tar(b, e);
    return r;
}

/* ---- the file ---- */

/* Beside it first: what was there stays until the new one is whole and on disk. */
static int write_file(struct backup_run *b, const char *path, struct err *e)
{
    cleanup_free char *temp = xasprintf("%s.XXXXXX", path);
    cleanup_close int fd = mkostemp(temp, O_CLOEXEC); /* 0600 */
    int r;

    if (fd < 0)
        return err_sys(e, "make '%s'", temp);
    r = write_tar(b, fd, e);
    if (r == 0 && fsync(fd) < 0)
        r = err_sys(e, "write '%s'", temp);
    if (r == 0 && rename(temp, path) < 0)
        r = err_sys(e, "rename '%s' to '%s'", temp, path);
    if (r < 0)
        (void)unlink(temp);
    return r;
}

static void print_result(const struct backup_run *b, const struct common *common, const char *path)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    bool keys = backup_list_find(&b->list, "keys.json") != NULL;
    struct buf text;
    struct jw w;

    if (strcmp(path, "-") != 0) {
        buf_init(&text, 64 << 10);
        jw_init(&w, &text);
        jw_obj(&w);
        jw_kstrz(&w, "file", path);
        jw_kint(&w, "files", (int64_t)b->list.n);
        jw_kint(&w, "bytes", (int64_t)b->list.bytes);
        jw_kbool(&w, "keys", keys);
        jw_obj_end(&w);
        tree = json_parse(buf_str(&text), NULL);
        output_object(common->format, tree);
        buf_done(&text);
    }
    fprintf(stderr, "evoke: it holds functions, their environment%s: keep it as you keep those\n",
            keys ? " and the secrets of all access keys" : "");
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(client_freep) struct client *client = NULL;
    struct backup_run b = {0};
    const char *path = args->words[0];
    bool to_stdout = strcmp(path, "-") == 0;
    struct err e = {0};
    int r;

    if (to_stdout && isatty(STDOUT_FILENO)) {
        (void)err_set(&e, ERR_CALLER, -EINVAL,
                      "a backup is nothing for a terminal: name a file, or pipe it");
        return command_fail(&e);
    }
    if (client_new(common, &client, &e) < 0)
        return command_fail(&e);
    interrupt_catch();
    b.client = client;
    r = ask_for(&b, args_has(args, "logs"), &e);
    if (r == 0)
        r = to_stdout ? write_tar(&b, STDOUT_FILENO, &e) : write_file(&b, path, &e);
    forget(&b);
    if (b.tar)
        archive_write_free(b.tar);
    if (r == 0)
        print_result(&b, common, path);
    backup_list_done(&b.list);
    if (r < 0 && interrupt_seen())
        return EXIT_INTERRUPT;
    return r < 0 ? command_fail(&e) : EXIT_OK;
}

static const struct option options[] = {
        {.name = "logs", .kind = OPTION_FLAG, .help = "also what functions have printed"},
};

const struct command command_backup = {
        .name = "backup",
        .group = GROUP_SERVE,
        .args = "FILE|-",
        .summary = "copy a running installation into one file",
        .brief = "copy an installation into one file; `restore` brings it back",
        .help = "A tar of functions, their code, and the access keys with their secrets, as of\n"
                "one moment; readable by you only. The daemon goes on meanwhile. `evoke restore`\n"
                "makes a data directory of it.",
        .examples = "evoke backup evoke.tar\n"
                    "evoke backup --logs - | gpg -e -r ops > evoke.tar.gpg\n",
        .options = OPTION_TABLE(options),
        .min_words = 1,
        .max_words = 1,
        .complete = COMPLETE_FILE,
        .run = run,
};
