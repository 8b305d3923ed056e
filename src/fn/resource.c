/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resource.c - the record of one object of the gateway's control plane, the same way as trigger.c:
 * drafted, frozen, shared, stored as one canonical JSON object (field.c).
 *
 * The body is kept as text. What stands in it is its kind's affair (gateway/plane/kinds.h), which has
 * checked it before the record was made; here it is only known to be a JSON object.
 */
#include "fn/resource.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/field.h"

enum { FORMAT = 1, STORED_MAX = 1 << 20 };

#define AT(type_, member)                                                                          \
    {                                                                                              \
        .key = #member, .type = FIELD_##type_, .at = offsetof(struct resource, member)             \
    }

static const struct field fields[] = {
        AT(TEXT, kind),      AT(TEXT, id),         AT(DIALECT, dialect), AT(TEXT, account),
        AT(TEXT, region),    AT(TEXT, parent),     AT(TEXT, name),       AT(TEXT, body),
        AT(I64, created_ms), AT(I64, modified_ms),
};

struct resource *resource_new(struct str kind, struct str id)
{
    struct resource *r = xnew(struct resource);

    r->refs = 1;
    r->kind = str_dup(kind);
    r->id = str_dup(id);
    r->account = xstrdup("");
    r->region = xstrdup("");
    r->parent = xstrdup("");
    r->name = xstrdup("");
    r->body = xstrdup("{}");
    return r;
}

struct resource *resource_copy(const struct resource *r)
{
    struct resource *copy = xnew(struct resource);

    *copy = *r;
    copy->refs = 1;
    fields_own(fields, ARRAY_LEN(fields), copy);
    return copy;
}

const struct resource *resource_ref(const struct resource *r)
{
    ((struct resource *)r)->refs++;
    return r;
}

void resource_unref(const struct resource *r)
{
    struct resource *mine = (struct resource *)r;

    if (!mine)
        return;
    assert(mine->refs > 0);
    if (--mine->refs > 0)
        return;
    fields_free(fields, ARRAY_LEN(fields), mine);
    free(mine);
}

void resource_unrefp(const struct resource **r)
{
    resource_unref(*r);
}

void resource_encode(const struct resource *r, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "v", FORMAT);
    fields_write(fields, ARRAY_LEN(fields), r, &w);
    jw_obj_end(&w);
}

static int check_text(const char *key, const char *text, size_t min, size_t max, struct err *e)
{
    size_t n = strlen(text);

    if (n < min || n > max)
        return err_set(e, ERR_HOST, -EINVAL, "'%s' has %zu bytes, not %zu to %zu", key, n, min,
                       max);
    return 0;
}

static int read_record(struct str json, struct resource *r, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf again;
    int ret;

    buf_init(&again, STORED_MAX);
    ret = fields_parse(json, FORMAT, fields, ARRAY_LEN(fields), r, &tree, e);
    /* Kind and id are a store key, and the parent is the id of another. */
    if (ret < 0 || (ret = check_text("kind", r->kind, 1, RESOURCE_KIND, e)) < 0 ||
        (ret = check_text("id", r->id, 1, RESOURCE_ID, e)) < 0 ||
        (ret = check_text("parent", r->parent, 0, RESOURCE_ID, e)) < 0 ||
        (ret = check_text("name", r->name, 0, RESOURCE_NAME, e)) < 0 ||
        (ret = check_text("body", r->body, 2, RESOURCE_BODY, e)) < 0 ||
        (ret = field_check_object("body", r->body, e)) < 0)
        return ret;

    resource_encode(r, &again);
    return field_check_same(json, &again, e);
}

int resource_decode(struct str json, uint64_t revision, struct resource **ret, struct err *e)
{
    struct resource *r = resource_new(STR_NONE, STR_NONE);
    int code = read_record(json, r, e);

    if (code < 0) {
        resource_unref(r);
        return err_wrap(e, code, "resource record");
    }

    r->revision = revision;
    *ret = r;
    return 0;
}
