/* SPDX-License-Identifier: Apache-2.0 */
/*
 * space.c - the record of a space, the same way as fn.c and fn_codec.c: drafted, frozen, shared,
 * stored as one canonical JSON object (field.c).
 */
#include "fn/space.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "fn/field.h"

enum { FORMAT = 1, STORED_MAX = 8 << 20 };

#define AT(type_, member, key_)                                                                    \
    {                                                                                              \
        .key = key_, .type = FIELD_##type_, .at = offsetof(struct space, member)                   \
    }

static const struct field fields[] = {
        AT(DIALECT, dialect, "dialect"),
        AT(TEXT, account, "account"),
        AT(TEXT, region, "region"),
        AT(TEXT, name, "name"),
        AT(TEXT, id, "id"),
        AT(TEXT, extra, "extra"),
        AT(I64, created_ms, "created_ms"),
        AT(I64, modified_ms, "modified_ms"),
};

struct space *space_new(const struct fn_key *key)
{
    struct space *s = xnew(struct space);
    char id[UUID_TEXT];

    uuid4(id);
    s->refs = 1;
    s->dialect = key->dialect;
    s->account = str_dup(key->account);
    s->region = str_dup(key->region);
    s->name = str_dup(key->space);
    s->id = xstrdup(id);
    s->extra = xstrdup("{}");
    return s;
}

struct space *space_copy(const struct space *s)
{
    struct space *copy = xnew(struct space);

    copy->refs = 1;
    copy->dialect = s->dialect;
    copy->account = xstrdup(s->account);
    copy->region = xstrdup(s->region);
    copy->name = xstrdup(s->name);
    copy->id = xstrdup(s->id);
    copy->extra = xstrdup(s->extra);
    copy->created_ms = s->created_ms;
    copy->modified_ms = s->modified_ms;
    copy->revision = s->revision;
    return copy;
}

const struct space *space_ref(const struct space *s)
{
    ((struct space *)s)->refs++;
    return s;
}

void space_unref(const struct space *s)
{
    struct space *mine = (struct space *)s;

    if (!mine)
        return;
    assert(mine->refs > 0);
    if (--mine->refs > 0)
        return;
    fields_free(fields, ARRAY_LEN(fields), mine);
    free(mine);
}

void space_encode(const struct space *s, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "v", FORMAT);
    fields_write(fields, ARRAY_LEN(fields), s, &w);
    jw_obj_end(&w);
}

static int read_record(struct str json, struct space *s, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf again;
    int r;

    buf_init(&again, STORED_MAX);
    r = fields_parse(json, FORMAT, fields, ARRAY_LEN(fields), s, &tree, e);
    if (r < 0)
        return r;

    r = field_check_object("extra", s->extra, e);
    if (r < 0)
        return r;

    space_encode(s, &again);
    return field_check_same(json, &again, e);
}

int space_decode(struct str json, uint64_t revision, struct space **ret, struct err *e)
{
    struct space *s = space_new(&(struct fn_key){0});
    int r;

    r = read_record(json, s, e);
    if (r < 0) {
        space_unref(s);
        return err_wrap(e, r, "space record");
    }

    s->revision = revision;
    *ret = s;
    return 0;
}
