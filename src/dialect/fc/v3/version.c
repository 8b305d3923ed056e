/* SPDX-License-Identifier: Apache-2.0 */
/*
 * version.c - PublishFunctionVersion, ListFunctionVersions, DeleteFunctionVersion.
 *
 * A version is the function as it is now, frozen under the next number; numbers are never used again,
 * also after a delete: when the highest goes, its number is noted beside the function first. Nothing new since the last one:
 * refused, as the console's document has it.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/resources.h"
#include "catalog/versions.h"
#include "dialect/fc/api/handlers.h"
#include "dialect/fc/api/object.h"
#include "dialect/fc/api/page.h"
#include "dialect/fc/api/parse.h"
#include "dialect/fc/v3/handlers.h"
#include "dialect/fc/v3/v3.h"
#include "fn/fn.h"

#define LAST "fc-version-last"

enum { NUMBER_TEXT = 24 };

/* ---- numbers ---- */

static uint64_t number_of(const char *version)
{
    uint64_t n = 0;

    return str_u64(str_of(version), 1, INT64_MAX, &n) == 0 ? n : 0;
}

struct latest {
    uint64_t number;
    const struct fn *fn; /* the one of that number */
};

static bool look(void *user, const struct fn *f)
{
    struct latest *l = user;
    uint64_t n = number_of(f->version);

    if (n >= l->number) {
        l->number = n;
        l->fn = f;
    }
    return true;
}

static uint64_t last_given(const struct call *c, const struct fn_key *key, uint64_t highest)
{
    const struct resource *note = fc3_note(c, LAST, key, STR_NONE);
    cleanup_with(json_freep) struct cJSON *body =
            note ? json_parse(str_of(note->body), NULL) : NULL;
    int64_t n = 0;

    (void)json_int(body, "number", false, 0, INT64_MAX, &n, NULL);
    return (uint64_t)n > highest ? (uint64_t)n : highest;
}

/* ---- publish ---- */

static void put_version(struct jw *w, const struct fn *f)
{
    char text[CLOCK_TEXT];

    jw_obj(w);
    jw_kstrz(w, "versionId", f->version);
    jw_kstrz(w, "description", f->version_note);
    jw_kstrz(w, "createdTime", clock_iso(f->published_ms, text));
    jw_kstrz(w, "lastModifiedTime", clock_iso(f->published_ms, text));
    jw_obj_end(w);
}

static void on_published(void *user, int r, const struct fn *f)
{
    struct call *c = user; /* checked by call_...() */
    char etag[FC_ETAG_TEXT];
    struct buf body;
    struct jw w;

    if (r < 0) {
        fc3_error_write(c, r == -EEXIST ? -ESTALE : r, r == -ENOENT ? "function" : "version", "");
        return;
    }
    buf_init(&body, FC3_OBJECT_MAX);
    jw_init(&w, &body);
    put_version(&w, f);
    fc_reply_object(c, fc_object_function_etag(f, etag), &body);
}

/* What a version freezes is the same, but for the times and what is about instances. */
static bool is_same(const struct fn *f, const struct fn *version)
{
    return version && f->modified_ms <= version->modified_ms;
}

static int read_description(const struct cJSON *body, struct str *ret, struct err *e)
{
    if (json_str(body, "description", true, ret, e) < 0)
        return -EINVAL;
    if (ret->n > FC_DESCRIPTION_MAX)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "description is set to an invalid value (allowed length: 0 to %d, actual: "
                       "%zu)",
                       FC_DESCRIPTION_MAX, ret->n);
    return 0;
}

static struct fn *frozen(const struct fn *f, uint64_t number, struct str note)
{
    char text[NUMBER_TEXT];
    struct fn *draft = fn_copy(f);

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    fn_set(&draft->version, str_of(text));
    fn_set(&draft->version_note, note);
    draft->published_ms = clock_wall_ms();
    return draft;
}

void fc3_version_publish(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    struct str note = S("");
    struct latest latest = {0};
    struct err e = {0};
    char etag[FC_ETAG_TEXT];
    struct fn_key key;
    const struct fn *f = fc3_latest(c, &key);

    if (!f || !fc_if_match(c, fc_object_function_etag(f, etag)))
        return;
    if (c->req->body.n > 0) {
        body = fc_body(c);
        if (!body)
            return;
        if (read_description(body, &note, &e) < 0) {
            fc3_fail_invalid(c, &e);
            return;
        }
    }
    catalog_each_version(c->api->catalog, &key, look, &latest);
    if (is_same(f, latest.fn)) {
        call_fail(c, 400, "InvalidArgument",
                  "function '%.*s' has not changed since version %s was published",
                  STR_ARG(c->captures[0]), latest.fn->version);
        return;
    }
    catalog_publish(c->api->catalog, frozen(f, last_given(c, &key, latest.number) + 1, note),
                    on_published, c); /* -> on_published */
}

/* ---- the list: newest first, unless asked otherwise ---- */

struct listing {
    const struct fn **at; /* owned array of borrowed records, as they were published */
    size_t n, room;
};

static bool collect(void *user, const struct fn *f)
{
    struct listing *l = user;

    if (number_of(f->version) == 0)
        return true;
    if (l->n == l->room) {
        l->room = l->room ? 2 * l->room : 16;
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        l->at = xrealloc(l->at, l->room, sizeof(*l->at));
    }
    l->at[l->n++] = f;
    return true;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = number_of((*(const struct fn *const *)a)->version),
             y = number_of((*(const struct fn *const *)b)->version);

    return x < y ? -1 : x > y;
}

/* Where the page begins: the version that the token names, or the first that comes behind it. */
static bool is_before(const struct fn *f, uint64_t from, bool forward)
{
    uint64_t n = number_of(f->version);

    return from > 0 && (forward ? n < from : n > from);
}

static void write_page(struct call *c, const struct listing *l, bool forward, uint64_t limit,
                       uint64_t from)
{
    uint64_t shown = 0;
    const char *next = "";
    struct buf body;
    struct jw w;

    buf_init(&body, FC3_OBJECT_MAX);
    jw_init(&w, &body);
    jw_obj(&w);
    jw_key(&w, "versions");
    jw_arr(&w);
    for (size_t i = 0; i < l->n && !next[0]; i++) {
        const struct fn *f = l->at[forward ? i : l->n - 1 - i];

        if (is_before(f, from, forward))
            continue;
        if (shown == limit) {
            next = f->version;
        } else {
            put_version(&w, f);
            shown++;
        }
    }
    jw_arr_end(&w);
    jw_kstrz(&w, "direction", forward ? "FORWARD" : "BACKWARD");
    jw_kstrz(&w, "nextToken", next);
    jw_obj_end(&w);
    call_reply_buf(c, 200, S("application/json"), &body);
}

void fc3_version_list(struct call *c)
{
    struct str direction = call_query(c, S("direction")), token = call_query(c, S("nextToken"));
    uint64_t limit = FC_PAGE_DEFAULT, from = 0;
    struct listing l = {0};
    struct fn_key key;

    if (!fc3_latest(c, &key) || !fc_page_limit(c, FC_PAGE_MAX, &limit))
        return;
    if (direction.n && !str_eq(direction, S("FORWARD")) && !str_eq(direction, S("BACKWARD"))) {
        call_fail(c, 400, "InvalidArgument",
                  "direction is set to an invalid value (allowed: FORWARD | BACKWARD, actual: "
                  "'%.*s')",
                  (int)(direction.n < 32 ? direction.n : 32), direction.p);
        return;
    }
    if (token.n && str_u64(token, 1, INT64_MAX, &from) < 0) {
        call_fail(c, 400, "InvalidArgument", "nextToken is none of a page before");
        return;
    }
    catalog_each_version(c->api->catalog, &key, collect, &l);
    if (l.n > 0)
        /* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
        qsort(l.at, l.n, sizeof(*l.at), by_number);
    write_page(c, &l, str_eq(direction, S("FORWARD")), limit, from);
    free(l.at);
}

/* ---- delete ---- */

struct deleting {
    uint32_t magic;
    struct call *call; /* borrowed; lives until its reply */
    char *version;     /* owned */
};
enum { DELETE_MAGIC = 0x46433344 };

static void deleting_free(struct deleting *d)
{
    d->magic = 0;
    free(d->version);
    free(d);
}

static void on_deleted(void *user, int r, const struct fn *f)
{
    struct deleting *d = OBJ(user, struct deleting, DELETE_MAGIC);

    (void)f;
    if (r < 0)
        fc3_error_write(d->call, r, "version", d->version);
    else
        call_reply(d->call, 204, STR_NONE, STR_NONE);
    deleting_free(d);
}

/* -> on_deleted */
static void delete_now(struct deleting *d)
{
    struct fn_key key;

    if (!fc3_key(d->call, d->call->captures[0], &key)) {
        deleting_free(d);
        return;
    }
    catalog_delete_version(d->call->api->catalog, &key, str_of(d->version), on_deleted, d);
}

static void on_noted(void *user, int r, const struct resource *res)
{
    struct deleting *d = OBJ(user, struct deleting, DELETE_MAGIC);

    (void)res;
    if (r < 0) {
        fc3_error_write(d->call, r, "version", d->version);
        deleting_free(d);
    } else if (!d->call->req) {
        call_reply(d->call, 204, STR_NONE, STR_NONE); /* nobody waits, and nothing was deleted */
        deleting_free(d);
    } else {
        delete_now(d);
    }
}

void fc3_version_delete(struct call *c)
{
    struct str version = c->captures[1];
    struct latest latest = {0};
    struct deleting *d;
    struct fn_key key;
    const struct fn *f;
    char note[64];

    if (!fc3_latest(c, &key))
        return;
    f = qualifier_is_latest(version) ? NULL : catalog_version(c->api->catalog, &key, version);
    if (!f) {
        call_fail(c, 404, "VersionNotFound", "version '%.*s' of function '%.*s' does not exist",
                  (int)(version.n < 64 ? version.n : 64), version.p, STR_ARG(c->captures[0]));
        return;
    }
    catalog_each_version(c->api->catalog, &key, look, &latest);
    d = xnew(struct deleting);
    *d = (struct deleting){.magic = DELETE_MAGIC, .call = c, .version = str_dup(version)};
    if (latest.fn != f) {
        delete_now(d);
        return;
    }
    (void)snprintf(note, sizeof(note), "{\"number\":%llu}", (unsigned long long)latest.number);
    fc3_note_put(c, LAST, &key, STR_NONE, str_of(note), on_noted, d); /* -> on_noted */
}
