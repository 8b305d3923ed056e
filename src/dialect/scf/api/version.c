/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version.c - PublishVersion, ListVersionByFunction, and a version's end. Versions are "1", "2", ...:
 * one more than the highest that ever was. When the highest goes, its number is noted beside the
 * function first.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "catalog/versions.h"
#include "dialect/scf/api/function.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/names.h"
#include "dialect/scf/api/object.h"
#include "dialect/scf/api/page.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"

#define LAST "scf-version-last"

enum { VERSIONS_LIMIT = 1000, KEY_TEXT = 64, PATH_TEXT = 4096, DELETE_MAGIC = 0x53434656 };

static bool highest(void *user, const struct fn *f)
{
    uint64_t *last = user, n;

    if (str_u64(str_of(f->version), 1, INT64_MAX, &n) == 0 && n > *last)
        *last = n;
    return true;
}

static void note_id(const struct fn_key *key, struct buf *ret_path, char id[SHA256_HEX])
{
    buf_init(ret_path, PATH_TEXT);
    fn_key_path(key, ret_path);
    sha256_hex(buf_str(ret_path), id);
}

/* The last number given. */
static uint64_t last_number(const struct catalog *c, const struct fn_key *key)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    cleanup_with(buf_done) struct buf path = {0};
    const struct resource *note;
    char id[SHA256_HEX];
    uint64_t last;

    note_id(key, &path, id);
    note = catalog_resource(c, S(LAST), str_of(id));
    body = note ? json_parse(str_of(note->body), NULL) : NULL;
    last = (uint64_t)scf_number(body, "number", 0);
    catalog_each_version(c, key, highest, &last);
    return last;
}

struct fn *scf_frozen(const struct catalog *c, const struct fn *f, struct str note)
{
    struct fn *draft = fn_copy(f);
    struct fn_key key = fn_key_of(f);
    char room[U64_TEXT];

    fn_set(&draft->version, str_of_u64(last_number(c, &key) + 1, room));
    fn_set(&draft->version_note, note.p ? note : str_of(f->description));
    draft->reserved = 0;
    draft->published_ms = draft->modified_ms = clock_wall_ms();
    return draft;
}

static void on_published(void *user, int r, const struct fn *f)
{
    struct call *c = user;
    struct scf_answer a;

    if (r < 0) {
        scf_fail_write(c, r, "version");
        return;
    }
    scf_begin(&a, SCF_BODY_SMALL);
    jw_kstrz(&a.w, "FunctionVersion", f->version);
    jw_kint(&a.w, "CodeSize", (int64_t)f->code.size);
    jw_kint(&a.w, "MemorySize", f->memory_mb);
    jw_kstrz(&a.w, "Description", f->version_note);
    jw_kstrz(&a.w, "Handler", f->handler);
    jw_kint(&a.w, "Timeout", f->timeout_ms / 1000);
    jw_kstrz(&a.w, "Runtime", f->runtime);
    jw_kstrz(&a.w, "Namespace", f->space);
    scf_send(c, &a);
}

void scf_publish_version(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct fn_key key;
    const struct fn *f = p ? scf_function(c, p, &key) : NULL;
    struct str note;

    if (!f)
        return;
    note = scf_text(p, "Description");
    if (scf_characters(note) > SCF_DESCRIPTION_MAX) {
        scf_fail(c, "InvalidParameterValue.Description", "Description has more than %d characters.",
                 SCF_DESCRIPTION_MAX);
        return;
    }
    catalog_publish(c->api->catalog, scf_frozen(c->api->catalog, f, note), on_published, c);
}

/* ---- delete ---- */

struct deleting {
    uint32_t magic;
    struct call *call;
    const struct fn *version; /* held */
};

static void on_deleted(void *user, int r, const struct fn *f)
{
    struct deleting *d = OBJ(user, struct deleting, DELETE_MAGIC);
    struct call *c = d->call;

    (void)f;
    fn_unref(d->version);
    d->magic = 0;
    free(d);
    if (r < 0)
        scf_fail_write(c, r, "version");
    else
        scf_ok(c);
}

static void on_noted(void *user, int r, const struct resource *res)
{
    struct deleting *d = OBJ(user, struct deleting, DELETE_MAGIC);
    struct fn_key key = fn_key_of(d->version);

    (void)res;
    if (r < 0)
        on_deleted(d, r, NULL);
    else /* -> on_deleted */
        catalog_delete_version(d->call->api->catalog, &key, str_of(d->version->version), on_deleted,
                               d);
}

/* -> on_noted */
static void note_number(struct deleting *d, const struct fn_key *key, uint64_t number)
{
    struct catalog *c = d->call->api->catalog;
    cleanup_with(buf_done) struct buf path = {0};
    const struct resource *before;
    struct resource *draft;
    char id[SHA256_HEX], body[KEY_TEXT];

    note_id(key, &path, id);
    before = catalog_resource(c, S(LAST), str_of(id));
    draft = before ? resource_copy(before) : resource_new(S(LAST), str_of(id));
    draft->dialect = key->dialect;
    fn_set(&draft->account, key->account);
    fn_set(&draft->region, key->region);
    fn_set(&draft->parent, buf_str(&path));
    (void)snprintf(body, sizeof(body), "{\"number\":%llu}", (unsigned long long)number);
    fn_set(&draft->body, str_of(body));
    if (before)
        catalog_update_resource(c, draft, on_noted, d);
    else
        catalog_create_resource(c, draft, on_noted, d);
}

void scf_delete_version(struct call *c, const struct fn_key *key, struct str version)
{
    const struct fn *f = catalog_version(c->api->catalog, key, version);
    uint64_t number = 0;
    struct deleting *d;

    if (!f) {
        scf_fail_write(c, -ENOENT, "version");
        return;
    }
    if (qualifier_is_latest(version)) {
        scf_fail(c, "InvalidParameterValue.Qualifier", "$LATEST cannot be deleted.");
        return;
    }
    d = xnew(struct deleting);
    *d = (struct deleting){DELETE_MAGIC, c, fn_ref(f)};
    (void)highest(&number, f);
    if (number > 0 && number == last_number(c->api->catalog, key))
        note_number(d, key, number); /* -> on_deleted */
    else
        on_noted(d, 0, NULL); /* -> on_deleted */
}

/* ---- list ---- */

struct listing {
    bool by_change;
    struct scf_rows rows;
};

static bool list_one(void *user, const struct fn *f)
{
    struct listing *l = user;
    char key[KEY_TEXT];
    int64_t added = f->published_ms ? f->published_ms : f->created_ms;

    (void)snprintf(key, sizeof(key), "%020lld %012llu",
                   (long long)(l->by_change ? f->modified_ms : added),
                   (unsigned long long)l->rows.n);
    scf_rows_add(&l->rows, key, f);
    return true;
}

static void put_version(struct jw *w, const struct fn *f)
{
    char text[CLOCK_TEXT];

    jw_obj(w);
    jw_kstr(w, "Version", scf_version_of(f));
    jw_kstrz(w, "Description", f->published_ms ? f->version_note : f->description);
    jw_kstrz(w, "AddTime", scf_time(f->published_ms ? f->published_ms : f->created_ms, text));
    jw_kstrz(w, "ModTime", scf_time(f->modified_ms, text));
    jw_kstrz(w, "Status", "Active");
    jw_obj_end(w);
}

void scf_list_versions(struct call *c)
{
    static const char *const orders[] = {"AddTime", "ModTime", NULL};
    cleanup_with(json_freep) struct cJSON *p = scf_params(c);
    struct listing l = {0};
    struct scf_page page, again;
    const struct fn *f = NULL;
    struct scf_answer a;
    struct fn_key key;

    if (p && scf_page_read(c, p, VERSIONS_LIMIT, &page) &&
        scf_one_of(c, p, "OrderBy", "InvalidParameterValue.OrderBy", orders))
        f = scf_function(c, p, &key);
    if (!f)
        return;
    l.by_change = str_eq(scf_text(p, "OrderBy"), S("ModTime"));
    (void)list_one(&l, f);
    catalog_each_version(c->api->catalog, &key, list_one, &l);
    scf_rows_sort(&l.rows, page.descending);

    again = page;
    scf_begin(&a, SCF_ANSWER_MAX);
    jw_key(&a.w, "Versions");
    jw_arr(&a.w);
    for (size_t i = 0; i < l.rows.n; i++)
        if (scf_page_has(&page))
            put_version(&a.w, l.rows.list[i].what);
    jw_arr_end(&a.w);
    jw_key(&a.w, "FunctionVersion");
    jw_arr(&a.w);
    for (size_t i = 0; i < l.rows.n; i++)
        if (scf_page_has(&again))
            jw_str(&a.w, scf_version_of(l.rows.list[i].what));
    jw_arr_end(&a.w);
    jw_kint(&a.w, "TotalCount", (int64_t)l.rows.n);
    scf_rows_done(&l.rows);
    scf_send(c, &a);
}
