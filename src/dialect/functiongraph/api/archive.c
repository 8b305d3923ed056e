/* SPDX-License-Identifier: Apache-2.0 */
/*
 * archive.c - a function as a zip, out and in again.
 *
 *   function.yml   its configuration, as ShowFunctionConfig shows it (JSON, which is YAML too)
 *   code.zip       its package, as it is stored
 *
 * An export has either or both; an import needs the first. Import makes of both the request that
 * CreateFunction takes, under the name it was told, so what is refused there is refused here.
 *
 * fg_import_function -> unpack [worker] -> on_unpacked -> fg_create
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "base/yaml.h"
#include "catalog/catalog.h"
#include "catalog/package.h"
#include "dialect/functiongraph/api/fg.h"
#include "loop/loop.h"

#define EXPORT_MAGIC 0x46474558
#define IMPORT_MAGIC 0x4647494d
#define CONFIG_FILE  "function.yml"
#define CODE_FILE    "code.zip"

enum { CONFIG_MAX = 1 << 20, ARCHIVE_MAX = FG_ZIP_MAX + (2 << 20) };

/* ---- export ---- */

struct export
{
    uint32_t magic;
    struct call *call;
    const struct fn *fn; /* shared */
    bool config;
};

static void reply_archive(struct call *c, const struct fn *f, bool config, const struct str *code)
{
    struct package_file files[2];
    struct buf text, zip, disposition;
    struct err e = {0};
    size_t n = 0;
    struct jw w;

    buf_init(&text, CONFIG_MAX);
    buf_init(&zip, package_limits_default.packed_bytes + ARCHIVE_MAX);
    buf_init(&disposition, 256);
    jw_init(&w, &text);
    fg_object(&w, f, FG_VIEW_CONFIG);
    if (config)
        files[n++] = (struct package_file){S(CONFIG_FILE), buf_str(&text)};
    if (code)
        files[n++] = (struct package_file){S(CODE_FILE), *code};
    buf_addf(&disposition, "attachment; filename=%s.zip", f->name);
    if (package_from_files(files, n, &zip, &e) < 0) {
        buf_done(&zip);
        call_fail_err(c, "FSS.0500", &e);
    } else {
        call_header(c, "Content-Disposition", buf_str(&disposition));
        call_reply_buf(c, 200, S("application/zip"), &zip);
    }
    buf_done(&disposition);
    buf_done(&text);
}

static void on_code(void *user, int r, struct str zip)
{
    struct export *x = OBJ(user, struct export, EXPORT_MAGIC);

    if (r < 0)
        call_fail(x->call, 500, "FSS.0500", "the stored code cannot be read: %s", strerror(-r));
    else
        reply_archive(x->call, x->fn, x->config, &zip);
    fn_unref(x->fn);
    x->magic = 0;
    free(x);
}

static bool flag(struct call *c, const char *name, bool *ret)
{
    struct str text = call_query(c, str_of(name));

    if (text.n > 0 && !str_eq(text, S("true")) && !str_eq(text, S("false"))) {
        call_fail(c, 400, "FSS.0400", "the query parameter %s is not true or false", name);
        return false;
    }
    *ret = text.n > 0 ? str_eq(text, S("true")) : *ret;
    return true;
}

/* type says one of both; else each is asked for by name, and without a word both come. */
static bool read_wanted(struct call *c, bool *config, bool *code)
{
    struct str type = call_query(c, S("type"));
    bool said = call_query(c, S("config")).n > 0 || call_query(c, S("code")).n > 0;

    *config = *code = !said;
    if (type.n > 0) {
        *config = str_eq(type, S("config"));
        *code = str_eq(type, S("code"));
    } else if (!flag(c, "config", config) || !flag(c, "code", code)) {
        return false;
    }
    if (*config || *code)
        return true;
    call_fail(c, 400, "FSS.0400", "neither config nor code is to be exported");
    return false;
}

void fg_export_function(struct call *c)
{
    bool config, code;
    struct export *x;
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);

    if (!f || !read_wanted(c, &config, &code))
        return;
    if (!code || f->code.sha[0] == '\0') {
        reply_archive(c, f, true, NULL);
        return;
    }
    x = xnew(struct export);
    *x = (struct export){.magic = EXPORT_MAGIC, .call = c, .fn = fn_ref(f), .config = config};
    catalog_get_code(c->api->catalog, f->code.sha, on_code, x); /* -> on_code */
}

/* ---- import ---- */

struct import {
    uint32_t magic;
    struct call *call;
    struct cJSON *asked;   /* owned */
    struct cJSON *request; /* owned: what CreateFunction would be asked */
    char *project;         /* owned */
    struct fg_error x;
    int r;
};

/* Its code, if it has some, as the request says code. */
static void add_code(struct cJSON *request, struct str zip)
{
    cleanup_with(buf_done) struct buf text;
    struct cJSON *code = cJSON_CreateObject();

    buf_init(&text, FG_CODE_BODY);
    base64_encode(zip, &text);
    (void)cJSON_AddStringToObject(code, "file", text.p);
    cJSON_DeleteItemFromObjectCaseSensitive(request, "func_code");
    (void)cJSON_AddItemToObject(request, "func_code", code);
}

static void set_text(struct cJSON *request, const char *key, const char *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(request, key);
    (void)cJSON_AddStringToObject(request, key, value);
}

static int read_archive(struct import *im, struct str archive)
{
    struct str name = STR_NONE, package = S("default"), kind = S("zip");
    cleanup_with(buf_done) struct buf config;
    cleanup_with(buf_done) struct buf code;
    cleanup_free char *owned = NULL, *owned_package = NULL;
    int r;

    buf_init(&config, CONFIG_MAX);
    buf_init(&code, FG_ZIP_MAX);
    r = package_read_file(archive, S(CONFIG_FILE), &config, &im->x.e);
    if (r < 0)
        return fg_refuse(&im->x, 400, "FSS.1022",
                         "file_code is no zip with a %s of at most %d bytes", CONFIG_FILE,
                         CONFIG_MAX);
    im->request = yaml_parse(buf_str(&config), &im->x.e);
    if (!im->request || !cJSON_IsObject(im->request)) {
        im->x.status = 400;
        im->x.code = "FSS.1023";
        return -EINVAL;
    }
    (void)json_str(im->asked, "func_name", false, &name, NULL);
    (void)json_str(im->asked, "package", false, &package, NULL);
    owned = str_dup(name);
    owned_package = str_dup(package);
    set_text(im->request, "func_name", owned);
    set_text(im->request, "package", owned_package);
    (void)json_str(im->request, "code_type", false, &kind, NULL);
    if (!str_eq(kind, S("inline")))
        set_text(im->request, "code_type", "zip");
    cJSON_DeleteItemFromObjectCaseSensitive(im->request, "code_url");
    r = package_read_file(archive, S(CODE_FILE), &code, NULL);
    if (r == -EMSGSIZE)
        return fg_refuse(&im->x, 413, "FSS.1071", "The code package is over %d bytes", FG_ZIP_MAX);
    if (r == 0)
        add_code(im->request, buf_str(&code));
    return 0;
}

/* On a worker thread: this job is nobody else's meanwhile. */
static void unpack(void *user)
{
    struct import *im = OBJ(user, struct import, IMPORT_MAGIC);
    cleanup_with(buf_done) struct buf archive;
    struct str text = S("");
    int r;

    buf_init(&archive, ARCHIVE_MAX);
    (void)json_str(im->asked, "file_code", false, &text, NULL);
    r = base64_decode(text, &archive);
    if (r == -EMSGSIZE)
        im->r = fg_refuse(&im->x, 413, "FSS.1071", "The package is over %d bytes", ARCHIVE_MAX);
    else if (r < 0)
        im->r = fg_refuse(&im->x, 400, "FSS.1011", "file_code is not base64");
    else
        im->r = read_archive(im, buf_str(&archive));
}

static void on_unpacked(void *user)
{
    struct import *im = OBJ(user, struct import, IMPORT_MAGIC);

    if (im->r < 0)
        fg_fail(im->call, &im->x);
    else
        fg_create(im->call, TAKE_PTR(im->request), str_of(im->project));
    json_free(im->asked);
    json_free(im->request);
    free(im->project);
    im->magic = 0;
    free(im);
}

static int check_asked(const struct cJSON *body, struct fg_error *x)
{
    struct str name = STR_NONE, file = STR_NONE, type = STR_NONE, code = STR_NONE, package = S("x");

    x->status = 400;
    x->code = "FSS.0400";
    if (json_str(body, "func_name", false, &name, &x->e) < 0 ||
        json_str(body, "file_name", false, &file, &x->e) < 0 ||
        json_str(body, "file_type", false, &type, &x->e) < 0 ||
        json_str(body, "package", false, &package, &x->e) < 0 ||
        json_str(body, "file_code", false, &code, &x->e) < 0)
        return -EINVAL;
    if (!fg_name_ok(name))
        return fg_refuse(x, 400, "FSS.1002", "func_name is not the name of a function");
    if (!file.n)
        return fg_refuse(x, 400, "FSS.0400", "file_name is missing");
    if (!str_eq(type, S("zip")))
        return fg_refuse(x, 400, "FSS.1013", "file_type is not zip");
    return code.n ? 0 : fg_refuse(x, 400, "FSS.1012", "file_code is missing");
}

void fg_import_function(struct call *c)
{
    struct fg_error x = {0};
    struct str project;
    struct import *im;
    struct cJSON *body;

    if (!fg_project(c, &project))
        return;
    body = fg_body(c);
    if (!body)
        return;
    if (check_asked(body, &x) < 0) {
        json_free(body);
        fg_fail(c, &x);
        return;
    }
    im = xnew(struct import);
    im->magic = IMPORT_MAGIC;
    im->call = c;
    im->asked = body;
    im->project = str_dup(project);
    loop_work(c->api->loop, unpack, on_unpacked, im); /* -> on_unpacked */
}
