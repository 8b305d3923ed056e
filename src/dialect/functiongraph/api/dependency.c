/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dependency.c - dependencies: create, list, show and delete their versions; and depend_version_list of
 * functions.
 *
 * A dependency has an id, and each version of it one of its own, which is what functions name. Both are
 * derived from project, region, name and number, so nothing has to be kept to find them again. There
 * are no public dependencies here.
 */
#include "dialect/functiongraph/api/dependency.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/code_source.h"
#include "api/layer_new.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"
#include "runtime/runtime.h"

enum {
    NAME_MAX_CHARS = 96,
    DESCRIPTION_MAX = 512,
    TEXT_MAX = 16 << 10,
    LIST_MAX = 16 << 20,
    MAXITEMS = 400,
    ID = 1, /* captures behind the project */
    VERSION = 2,
    MEBI = 1 << 20,
};

static const struct package_limits limits_inline = {
        .packed_bytes = 10ull * MEBI, .unpacked_bytes = 1500ull * MEBI, .files = 30000};
static const struct package_limits limits_linked = {
        .packed_bytes = 300ull * MEBI, .unpacked_bytes = 1500ull * MEBI, .files = 30000};

static struct fn_key owner_of(const struct call *c, struct str project)
{
    return (struct fn_key){
            .dialect = DIALECT_FUNCTIONGRAPH, .account = project, .region = str_of(c->api->region)};
}

/* A name-based UUID (RFC 9562, version 8). version 0: of the dependency itself. */
static const char *id_of(const struct resource *of, struct str name, uint32_t version,
                         char out[UUID_TEXT])
{
    cleanup_with(buf_done) struct buf text;
    char hex[SHA256_HEX];

    buf_init(&text, TEXT_MAX);
    buf_addf(&text, "%s\n%s\n%.*s\n%u", of->account, of->region, STR_ARG(name), version);
    sha256_hex(buf_str(&text), hex);
    (void)snprintf(out, UUID_TEXT, "%.8s-%.4s-8%.3s-a%.3s-%.12s", hex, hex + 8, hex + 12, hex + 15,
                   hex + 18);
    return out;
}

/* ---- finding ---- */

struct search {
    struct str id;    /* of a version, or of the dependency: then of its newest, or of */
    uint32_t version; /* this one; 0: any */
    struct layer found;
    uint32_t matches; /* versions of the dependency that was asked for */
};

static bool matches(const struct search *s, const struct layer *l)
{
    char id[UUID_TEXT];

    if (str_ieq(s->id, str_of(id_of(l->of, l->name, l->version, id))))
        return s->version == 0 || s->version == l->version;
    return str_ieq(s->id, str_of(id_of(l->of, l->name, 0, id))) &&
           (s->version == 0 || s->version == l->version);
}

static bool look(void *user, const struct layer *l)
{
    struct search *s = user;

    if (!matches(s, l))
        return true;
    layer_done(&s->found);
    (void)layer_of(l->of, &s->found);
    s->matches++;
    return true;
}

/* -ENOENT. layer_done() it. */
static int find(const struct call *c, const struct fn_key *owner, struct str id, uint32_t version,
                struct layer *ret)
{
    struct search s = {.id = id, .version = version};

    catalog_each_layer(c->api->catalog, owner, STR_NONE, look, &s);
    *ret = s.found;
    return s.matches > 0 ? 0 : -ENOENT;
}

static void fail_missing(struct call *c)
{
    call_fail(c, 404, "FSS.1056", "Not found the dependency");
}

/* ---- what is answered ---- */

enum view { VIEW_CREATE, VIEW_LIST, VIEW_SHOW };

static struct str runtime_of(const struct layer *l)
{
    return l->runtimes.n > 4 ? (struct str){l->runtimes.p + 2, l->runtimes.n - 4} : S("");
}

static void put_link(struct jw *w, const char *key, const struct call *c, const struct layer *l)
{
    cleanup_with(buf_done) struct buf link;

    buf_init(&link, TEXT_MAX);
    code_link(c, l->sha, S("depends.zip"), &link);
    jw_kstr(w, key, buf_str(&link));
}

static void put_dependency(struct jw *w, const struct call *c, const struct layer *l,
                           enum view view)
{
    char id[UUID_TEXT], file[UUID_TEXT + 8];

    jw_obj(w);
    jw_kstrz(w, "id", id_of(l->of, l->name, l->version, id));
    (void)snprintf(file, sizeof(file), "%s.zip", id);
    jw_kstrz(w, "owner", l->of->account);
    put_link(w, "link", c, l);
    jw_kstr(w, "runtime", runtime_of(l));
    jw_kstr(w, "etag", l->digest);
    jw_kint(w, "size", (int64_t)l->size);
    jw_kstr(w, "name", l->name);
    jw_kstr(w, "description", l->description);
    jw_kstrz(w, "file_name", file);
    jw_kint(w, "version", l->version);
    jw_kint(w, "last_modified", l->of->modified_ms / 1000);
    if (view != VIEW_LIST)
        jw_kstrz(w, "dep_id", id_of(l->of, l->name, 0, id));
    if (view == VIEW_SHOW) {
        put_link(w, "download_link", c, l);
        jw_kbool(w, "is_shared", false);
    }
    jw_obj_end(w);
}

static void reply_dependency(struct call *c, const struct layer *l, enum view view)
{
    struct buf body;
    struct jw w;

    buf_init(&body, RESOURCE_BODY + TEXT_MAX);
    jw_init(&w, &body);
    put_dependency(&w, c, l, view);
    fg_reply_json(c, 200, &body);
}

/* ---- create ---- */

static bool name_ok(struct str s)
{
    char last = '\0';

    for (size_t i = 0; i < s.n; i++) {
        last = str_lower(s.p[i]);
        if (!(last >= 'a' && last <= 'z') &&
            (i == 0 ||
             !((last >= '0' && last <= '9') || last == '_' || last == '-' || last == '.')))
            return false;
    }
    return s.n > 0 && s.n <= NAME_MAX_CHARS && last != '_' && last != '-' && last != '.';
}

static int read_source(const struct cJSON *body, struct layer_source *ret, struct fg_error *x)
{
    struct str type = STR_NONE;

    x->status = 400;
    x->code = "FSS.1032";
    if (json_str(body, "depend_type", false, &type, &x->e) < 0)
        return -EINVAL;
    if (!str_eq(type, S("zip")) && !str_eq(type, S("obs")))
        return fg_refuse(x, 400, "FSS.1032", "depend_type is neither zip nor obs");
    *ret = (struct layer_source){0};
    x->code = "FSS.0400";
    if (json_str(body, "depend_file", false, &ret->base64, &x->e) < 0 ||
        json_str(body, "depend_link", false, &ret->url, &x->e) < 0)
        return -EINVAL;
    if (str_eq(type, S("zip")))
        ret->url = STR_NONE;
    else
        ret->base64 = STR_NONE;
    if (ret->url.n + ret->base64.n == 0)
        return fg_refuse(x, 400, "FSS.0400", "%s is missing",
                         str_eq(type, S("zip")) ? "depend_file" : "depend_link");
    return 0;
}

static int read_create(const struct cJSON *body, struct layer *what, struct str *ret_runtime,
                       struct layer_source *from, struct fg_error *x)
{
    x->status = 400;
    x->code = "FSS.0400";
    what->description = S("");
    if (json_str(body, "name", false, &what->name, &x->e) < 0 ||
        json_str(body, "runtime", false, ret_runtime, &x->e) < 0 ||
        json_str(body, "description", false, &what->description, &x->e) < 0)
        return -EINVAL;
    if (!name_ok(what->name))
        return fg_refuse(
                x, 400, "FSS.0400",
                "name has not 1 to %d letters, digits, '.', '_' or '-', a letter first and "
                "a letter or digit last",
                NAME_MAX_CHARS);
    if (!runtime_find(DIALECT_FUNCTIONGRAPH, *ret_runtime))
        return fg_refuse(x, 400, "FSS.1005", "There is no runtime '%.*s'",
                         (int)(ret_runtime->n < 64 ? ret_runtime->n : 64),
                         ret_runtime->p ? ret_runtime->p : "");
    if (what->description.n > DESCRIPTION_MAX)
        return fg_refuse(x, 400, "FSS.1019", "description has more than %d bytes", DESCRIPTION_MAX);
    return read_source(body, from, x);
}

static void on_created(struct call *c, int r, enum layer_step step, const struct resource *res,
                       const struct err *e)
{
    cleanup_with(layer_done) struct layer l = {0};

    if (step == LAYER_TAKE && r == -EFBIG)
        call_fail(c, 413, "FSS.1071", "%s", e->msg);
    else if (step == LAYER_TAKE && r < 0 && e->kind != ERR_HOST)
        call_fail(c, 400, "FSS.0400", "the dependency: %s", e->msg);
    else if (step == LAYER_TAKE && r < 0)
        call_fail(c, 500, "FSS.1302", "the dependency was not saved: %s", e->msg);
    else if (r < 0 || layer_of(res, &l) < 0)
        call_fail(c, r == -EDQUOT ? 403 : 500, r == -EDQUOT ? "FSS.1045" : "FSS.1302",
                  "the dependency was not saved");
    else
        reply_dependency(c, &l, VIEW_CREATE);
}

void fg_create_dependency(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    cleanup_with(buf_done) struct buf list = {0};
    struct layer_source from = {0};
    struct layer what = {.extra = S("{}")};
    struct fg_error x = {0};
    struct str project, runtime = STR_NONE;
    struct fn_key owner;
    struct jw w;

    if (!fg_project(c, &project))
        return;
    body = fg_body(c);
    if (!body)
        return;
    if (read_create(body, &what, &runtime, &from, &x) < 0) {
        fg_fail(c, &x);
        return;
    }
    buf_init(&list, TEXT_MAX);
    jw_init(&w, &list);
    jw_arr(&w);
    jw_str(&w, runtime);
    jw_arr_end(&w);
    what.runtimes = buf_str(&list);
    owner = owner_of(c, project);
    layer_new(c, &owner, &what, &from, from.url.n > 0 ? &limits_linked : &limits_inline,
              on_created);
}

/* ---- lists ---- */

struct row {
    const struct resource *of;
    char *name; /* owned */
};
struct listing {
    struct jw w;
    struct buf body;
    const struct call *call;
    struct str name, runtime; /* only those; empty: all */
    struct str dependency;    /* versions of this one, instead of the newest of each */
    uint64_t marker, maxitems, at, shown;
    struct row *rows;
    size_t n;
};

static bool gather(void *user, const struct layer *l)
{
    struct listing *ls = user;
    char id[UUID_TEXT], own[UUID_TEXT];

    if (ls->dependency.n > 0 && !str_ieq(ls->dependency, str_of(id_of(l->of, l->name, 0, id))) &&
        !str_ieq(ls->dependency, str_of(id_of(l->of, l->name, l->version, own))))
        return true;
    if ((ls->name.n > 0 && str_find(l->name, ls->name) < 0) ||
        (ls->runtime.n > 0 && !str_eq(ls->runtime, runtime_of(l))))
        return true;
    for (size_t i = 0; ls->dependency.n == 0 && i < ls->n; i++)
        if (str_eq(str_of(ls->rows[i].name), l->name)) {
            ls->rows[i].of = l->of; /* they come oldest first */
            return true;
        }
    ls->rows = xrealloc(ls->rows, ls->n + 1, sizeof(*ls->rows));
    ls->rows[ls->n++] = (struct row){.of = l->of, .name = str_dup(l->name)};
    return true;
}

static bool number(struct call *c, struct str key, uint64_t most, uint64_t *ret)
{
    struct str text = call_query(c, key);

    if (text.n == 0 || str_u64(text, 0, most, ret) == 0)
        return true;
    call_fail(c, 400, "FSS.1001", "%.*s is not a number from 0 to %llu", STR_ARG(key),
              (unsigned long long)most);
    return false;
}

/* Those gathered, from marker on. */
static void reply_list(struct call *c, struct listing *ls)
{
    uint64_t end = ls->marker;

    buf_init(&ls->body, LIST_MAX);
    jw_init(&ls->w, &ls->body);
    jw_obj(&ls->w);
    jw_key(&ls->w, "dependencies");
    jw_arr(&ls->w);
    for (; end < ls->n && end - ls->marker < ls->maxitems; end++) {
        struct layer l;

        if (layer_of(ls->rows[end].of, &l) == 0)
            put_dependency(&ls->w, c, &l, VIEW_LIST);
        layer_done(&l);
    }
    jw_arr_end(&ls->w);
    jw_kint(&ls->w, "next_marker", (int64_t)end);
    jw_kint(&ls->w, "count", (int64_t)(end - ls->marker));
    jw_obj_end(&ls->w);
    fg_reply_json(c, 200, &ls->body);
}

static void rows_done(struct listing *ls)
{
    for (size_t i = 0; i < ls->n; i++)
        free(ls->rows[i].name);
    free(ls->rows);
}

static bool open_list(struct call *c, struct listing *ls, struct fn_key *ret_owner)
{
    struct str project;

    *ls = (struct listing){.call = c, .maxitems = MAXITEMS};
    if (!fg_project(c, &project) || !number(c, S("marker"), INT32_MAX, &ls->marker) ||
        !number(c, S("maxitems"), MAXITEMS, &ls->maxitems))
        return false;
    *ret_owner = owner_of(c, project);
    return true;
}

void fg_list_dependencies(struct call *c)
{
    struct str type = call_query(c, S("dependency_type"));
    struct fn_key owner;
    struct listing ls;

    if (!open_list(c, &ls, &owner) || !number(c, S("limit"), MAXITEMS, &ls.maxitems))
        return;
    ls.name = call_query(c, S("name"));
    ls.runtime = call_query(c, S("runtime"));
    if (type.n > 0 && !str_eq(type, S("all")) && !str_eq(type, S("private")) &&
        !str_eq(type, S("public"))) {
        call_fail(c, 400, "FSS.1001", "dependency_type is none of public, private, all");
        return;
    }
    /* There are no public ones. */
    if (!str_eq(type, S("public")) && !str_eq(call_query(c, S("ispublic")), S("true")))
        catalog_each_layer(c->api->catalog, &owner, STR_NONE, gather, &ls);
    reply_list(c, &ls);
    rows_done(&ls);
}

void fg_list_dependency_versions(struct call *c)
{
    struct fn_key owner;
    struct listing ls;

    if (!open_list(c, &ls, &owner))
        return;
    ls.dependency = c->captures[ID];
    catalog_each_layer(c->api->catalog, &owner, STR_NONE, gather, &ls);
    if (ls.n > 0)
        reply_list(c, &ls);
    else
        fail_missing(c);
    rows_done(&ls);
}

/* ---- one version ---- */

/* What the path names; false: it has replied. layer_done() it. by_id: without a number. */
static bool target(struct call *c, bool by_id, struct layer *ret)
{
    uint64_t version = 0;
    struct fn_key owner;
    struct str project;

    *ret = (struct layer){0};
    if (!fg_project(c, &project))
        return false;
    owner = owner_of(c, project);
    if ((!by_id && str_u64(c->captures[VERSION], 1, UINT32_MAX, &version) < 0) ||
        find(c, &owner, c->captures[ID], (uint32_t)version, ret) < 0) {
        fail_missing(c);
        return false;
    }
    return true;
}

static void show(struct call *c, bool by_id)
{
    cleanup_with(layer_done) struct layer l = {0};

    if (target(c, by_id, &l))
        reply_dependency(c, &l, VIEW_SHOW);
}

void fg_show_dependency(struct call *c)
{
    show(c, false);
}

void fg_show_dependency_by_id(struct call *c)
{
    show(c, true);
}

static void on_deleted(void *user, int r, const struct resource *res)
{
    struct call *c = user;

    (void)res;
    if (r == -ENOENT)
        fail_missing(c);
    else if (r < 0)
        call_fail(c, 500, "FSS.1302", "the dependency was not deleted");
    else
        call_reply(c, 204, STR_NONE, STR_NONE);
}

static void delete_it(struct call *c, bool by_id)
{
    cleanup_with(layer_done) struct layer l = {0};
    struct fn_key owner;
    char id[UUID_TEXT];

    if (!target(c, by_id, &l))
        return;
    owner = owner_of(c, str_of(l.of->account));
    if (catalog_layer_used(c->api->catalog, &owner, str_of(id_of(l.of, l.name, l.version, id)))) {
        call_fail(c, 412, "FSS.1033", "The dependency is in use");
        return;
    }
    catalog_delete_layer(c->api->catalog, &owner, l.name, l.version, on_deleted, c);
}

void fg_delete_dependency(struct call *c)
{
    delete_it(c, false);
}

void fg_delete_dependency_by_id(struct call *c)
{
    delete_it(c, true);
}

/* ---- functions ---- */

int fg_parse_dependencies(struct call *c, const struct cJSON *body, struct fn *draft,
                          struct fg_error *x)
{
    const struct cJSON *list = json_get(body, "depend_version_list"), *it;
    struct fn_key key = fn_key_of(draft), owner = owner_of(c, key.account);

    if (!list)
        return 0;
    if (!cJSON_IsArray(list))
        return fg_refuse(x, 400, "FSS.0400", "depend_version_list is not a list");
    if (cJSON_GetArraySize(list) > FN_LAYERS)
        return fg_refuse(x, 400, "FSS.0400", "depend_version_list has more than %d", FN_LAYERS);
    fn_set_layers_done(draft);
    cJSON_ArrayForEach(it, list)
    {
        cleanup_with(layer_done) struct layer l = {0};
        char id[UUID_TEXT];

        if (!cJSON_IsString(it) || find(c, &owner, str_of(it->valuestring), 0, &l) < 0)
            return fg_refuse(x, 404, "FSS.1056", "Not found the dependency");
        fn_add_layer(draft, str_of(id_of(l.of, l.name, l.version, id)), l.sha, l.size);
    }
    return 0;
}

void fg_check_dependencies(struct call *c, const struct fn *draft, catalog_ready_fn *fn, void *user)
{
    layer_check(c, draft, limits_linked.unpacked_bytes, fn, user);
}

void fg_fail_dependencies(struct call *c, int r, const struct err *e)
{
    if (r == -EFBIG)
        call_fail(c, 413, "FSS.1071", "%s", e->msg);
    else
        call_fail(c, 500, "FSS.1302", "the dependencies are not there: %s", e->msg);
}

enum { FITTING_MAGIC = 0x46474649 };

struct fitting {
    uint32_t magic;
    struct call *call;
    struct fn *draft; /* owned */
    catalog_fn *fn;
};

static void on_fits(void *user, int r, const struct err *e)
{
    struct fitting *job = OBJ(user, struct fitting, FITTING_MAGIC);
    struct fitting it = *job;

    job->magic = 0;
    free(job);
    if (r < 0) {
        fn_unref(it.draft);
        fg_fail_dependencies(it.call, r, e);
        return;
    }
    catalog_update(it.call->api->catalog, it.draft, it.fn, it.call);
}

void fg_update_fitting(struct call *c, struct fn *draft, catalog_fn *fn)
{
    struct fitting *job = xnew(struct fitting);

    *job = (struct fitting){.magic = FITTING_MAGIC, .call = c, .draft = draft, .fn = fn};
    fg_check_dependencies(c, draft, on_fits, job);
}

void fg_put_dependencies(struct jw *w, const struct fn *f)
{
    jw_key(w, "depend_version_list");
    jw_arr(w);
    for (uint32_t i = 0; i < f->nlayers; i++)
        jw_str(w, str_of(f->layers[i].ref));
    jw_arr_end(w);
}
