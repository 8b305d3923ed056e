/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version.c - PublishVersion and ListVersionByFunction. Versions are "1", "2", ...: one more than the
 * highest there is, so that a number comes again only where the last version was deleted.
 */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "api/api.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "catalog/versions.h"
#include "dialect/scf/api/function.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/names.h"
#include "dialect/scf/api/object.h"
#include "dialect/scf/api/page.h"
#include "dialect/scf/api/scf_api.h"
#include "fn/fn.h"

enum { VERSIONS_LIMIT = 1000, KEY_TEXT = 64 };

static bool highest(void *user, const struct fn *f)
{
    uint64_t *last = user, n;

    if (str_u64(str_of(f->version), 1, INT64_MAX, &n) == 0 && n > *last)
        *last = n;
    return true;
}

uint64_t scf_next_version(const struct catalog *c, const struct fn_key *key)
{
    uint64_t last = 0;

    catalog_each_version(c, key, highest, &last);
    return last + 1;
}

struct fn *scf_frozen(const struct catalog *c, const struct fn *f, struct str note)
{
    struct fn *draft = fn_copy(f);
    struct fn_key key = fn_key_of(f);
    char room[U64_TEXT];

    fn_set(&draft->version, str_of_u64(scf_next_version(c, &key), room));
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
