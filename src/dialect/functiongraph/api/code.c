/* SPDX-License-Identifier: Apache-2.0 */
/* code.c - show and replace a function's code. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "api/code_source.h"
#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "catalog/catalog.h"
#include "catalog/package.h"
#include "dialect/functiongraph/api/dependency.h"
#include "dialect/functiongraph/api/fg.h"

#define SHOW_MAGIC 0x46475348

enum { CODE_ANSWER_MAX = FG_CODE_BODY + (1 << 20) };

static void reply_code(struct call *c, const struct fn *f, struct str file)
{
    cleanup_with(buf_done) struct buf link;
    struct buf body;
    struct jw w;

    buf_init(&link, 4096);
    if (f->code.sha[0])
        code_link(c, f->code.sha, S("code.zip"), &link);
    buf_init(&body, CODE_ANSWER_MAX);
    jw_init(&w, &body);
    fg_code_object(&w, f, file, buf_str(&link));
    fg_reply_json(c, 200, &body);
}

struct show {
    uint32_t magic;
    struct call *call;
    const struct fn *fn; /* shared */
};

/* The bytes the client once sent: the zip itself, or the source inside the zip we made. */
static int as_sent(const struct fn *f, struct str zip, struct buf *out)
{
    if (zip.n == f->code.size) {
        buf_adds(out, zip);
        return 0;
    }
    return package_read_file(zip, str_of(f->code.filename), out, NULL);
}

static void on_code(void *user, int r, struct str zip)
{
    struct show *s = OBJ(user, struct show, SHOW_MAGIC);
    cleanup_with(buf_done) struct buf sent;
    cleanup_with(buf_done) struct buf file;

    buf_init(&sent, FG_ZIP_MAX + 1);
    buf_init(&file, FG_CODE_BODY);
    if (r == 0)
        r = as_sent(s->fn, zip, &sent);
    if (r < 0) {
        call_fail(s->call, 500, "FSS.0500", "the stored code cannot be read: %s", strerror(-r));
    } else {
        base64_encode(buf_str(&sent), &file);
        reply_code(s->call, s->fn, buf_str(&file));
    }
    fn_unref(s->fn);
    free(s);
}

void fg_show_code(struct call *c)
{
    struct fg_urn urn;
    const struct fn *f = fg_target(c, &urn);
    struct show *s;

    if (!f)
        return;
    /* What came out of a bucket is too large for an answer: there is the link. */
    if (f->code.sha[0] == '\0' || strcmp(f->code.kind, "obs") == 0) {
        reply_code(c, f, S(""));
        return;
    }
    s = xnew(struct show);
    s->magic = SHOW_MAGIC;
    s->call = c;
    s->fn = fn_ref(f);
    catalog_get_code(c->api->catalog, f->code.sha, on_code, s);
}

static void reply_updated(struct call *c, const struct fn *f)
{
    reply_code(c, f, S(""));
}

static int read_update(const struct cJSON *body, struct fn *draft, struct fg_code *ret,
                       struct fg_error *x)
{
    const struct cJSON *dependencies = json_get(body, "depend_version_list");
    int r;

    if (!json_get(body, "code_type"))
        return fg_refuse(x, 400, "FSS.1006", "code_type is missing");
    r = fg_parse_code(body, ret, x);
    if (r < 0)
        return r;
    if (!json_get(body, "func_code") && ret->url.n == 0)
        return fg_refuse(x, 400, "FSS.1012", "func_code is missing");
    if (dependencies && !cJSON_IsArray(dependencies))
        return fg_refuse(x, 400, "FSS.0400", "depend_version_list is not a list");
    r = fg_keep(body, "code_url", draft, x);
    return r < 0 ? r : fg_keep(body, "depend_version_list", draft, x);
}

void fg_update_code(struct call *c)
{
    struct fg_error x = {0};
    struct fg_code code;
    struct cJSON *body = NULL;
    struct fn *draft = fg_draft(c, &body);

    if (!draft)
        return;
    if (!fg_is_latest(c, draft)) {
        fn_unref(draft);
        json_free(body);
        return;
    }
    if (read_update(body, draft, &code, &x) < 0 || fg_parse_dependencies(c, body, draft, &x) < 0) {
        fn_unref(draft);
        json_free(body);
        fg_fail(c, &x);
        return;
    }
    fg_store(c, body, &code, draft, true, reply_updated);
}
