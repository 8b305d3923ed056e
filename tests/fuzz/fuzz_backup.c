/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_backup.c - the list a backup begins with. What is taken names only places below the
 * directory that is restored, each once, and says the same after it was written and read again.
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/backup_list.h"
#include "fuzz.h"

enum { MAX_INPUT = 64 * 1024 };

static void stays_below(const char *path)
{
    holds(path[0] && path[0] != '/' && path[0] != '.');
    holds(!strstr(path, "/.") && !strstr(path, "//"));
    holds(strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/") ==
          strlen(path));
}

static void same_again(const struct backup_list *l)
{
    struct backup_list again;
    struct err e = {0};
    struct buf text;

    buf_init(&text, 1 << 20);
    backup_list_write(l, 1, &text);
    holds(buf_ok(&text));
    holds(backup_list_read(buf_str(&text), &again, &e) == 0);
    holds(again.n == l->n && again.bytes == l->bytes);
    for (size_t i = 0; i < l->n; i++) {
        const struct backup_item *a = &l->items[i], *b = &again.items[i];

        holds(strcmp(a->path, b->path) == 0 && strcmp(a->sha256, b->sha256) == 0);
        holds(a->bytes == b->bytes);
    }
    backup_list_done(&again);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct backup_list l;
    struct err e = {0};

    if (n > MAX_INPUT)
        return 0;
    if (backup_path_ok(text)) {
        char *path = str_dup(text);

        stays_below(path);
        free(path);
    }
    if (backup_list_read(text, &l, &e) < 0) {
        holds(e.code < 0 && e.msg[0]);
        return 0;
    }
    for (size_t i = 0; i < l.n; i++) {
        stays_below(l.items[i].path);
        holds(i == 0 || strcmp(l.items[i - 1].path, l.items[i].path) < 0);
        holds(backup_list_find(&l, l.items[i].path) == &l.items[i]);
    }
    same_again(&l);
    backup_list_done(&l);
    return 0;
}
