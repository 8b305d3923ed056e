/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trigger.c - the record of a trigger, the same way as fn.c and space.c: drafted, frozen, shared,
 * stored as one canonical JSON object (field.c).
 *
 * `config` and `extra` are kept as text. What stands in `config` is the source's affair, which has
 * checked it before the record was made; here it is only known to be a JSON object.
 */
#include "fn/trigger.h"

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

#define AT(type_, member, key_)                                                                    \
    {                                                                                              \
        .key = key_, .type = FIELD_##type_, .at = offsetof(struct trigger, member)                 \
    }

static const struct field fields[] = {
        {.key = "id", .type = FIELD_CHARS, .at = offsetof(struct trigger, id), .size = UUID_TEXT},
        AT(DIALECT, dialect, "dialect"),
        AT(TEXT, account, "account"),
        AT(TEXT, region, "region"),
        AT(TEXT, space, "space"),
        AT(TEXT, function, "function"),
        AT(TEXT, qualifier, "qualifier"),
        AT(TEXT, source, "source"),
        AT(TEXT, name, "name"),
        AT(BOOL, enabled, "enabled"),
        AT(U32, concurrency, "concurrency"),
        AT(TEXT, config, "config"),
        AT(TEXT, extra, "extra"),
        AT(I64, created_ms, "created_ms"),
        AT(I64, modified_ms, "modified_ms"),
};

struct trigger *trigger_new(const struct fn_key *function, struct str source)
{
    struct trigger *t = xnew(struct trigger);

    t->refs = 1;
    uuid4(t->id);
    t->dialect = function->dialect;
    t->account = str_dup(function->account);
    t->region = str_dup(function->region);
    t->space = str_dup(function->space);
    t->function = str_dup(function->name);
    t->qualifier = xstrdup("latest");
    t->source = str_dup(source);
    t->name = xstrdup("");
    t->enabled = true;
    t->config = xstrdup("{}");
    t->extra = xstrdup("{}");
    return t;
}

struct trigger *trigger_copy(const struct trigger *t)
{
    struct trigger *copy = xnew(struct trigger);

    *copy = *t;
    copy->refs = 1;
    fields_own(fields, ARRAY_LEN(fields), copy);
    return copy;
}

const struct trigger *trigger_ref(const struct trigger *t)
{
    ((struct trigger *)t)->refs++;
    return t;
}

void trigger_unref(const struct trigger *t)
{
    struct trigger *mine = (struct trigger *)t;

    if (!mine)
        return;
    assert(mine->refs > 0);
    if (--mine->refs > 0)
        return;
    fields_free(fields, ARRAY_LEN(fields), mine);
    free(mine);
}

struct fn_key trigger_key(const struct trigger *t)
{
    return (struct fn_key){
            .dialect = t->dialect,
            .account = str_of(t->account),
            .region = str_of(t->region),
            .space = str_of(t->space),
            .name = str_of(t->function),
    };
}

void trigger_encode(const struct trigger *t, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "v", FORMAT);
    fields_write(fields, ARRAY_LEN(fields), t, &w);
    jw_obj_end(&w);
}

static int check_object(const char *key, const char *text, struct err *e)
{
    if (strlen(text) > TRIGGER_CONFIG)
        return err_set(e, ERR_HOST, -EINVAL, "'%s' is longer than %d bytes", key, TRIGGER_CONFIG);
    return field_check_object(key, text, e);
}

static int read_record(struct str json, struct trigger *t, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    cleanup_with(buf_done) struct buf again;
    int r;

    buf_init(&again, STORED_MAX);
    r = fields_parse(json, FORMAT, fields, ARRAY_LEN(fields), t, &tree, e);
    if (r < 0)
        return r;

    /* The id is the end of a store key and the name of a cursor. */
    if (strlen(t->id) != UUID_TEXT - 1)
        return err_set(e, ERR_HOST, -EINVAL, "'id' is no UUID");
    if (strlen(t->name) > TRIGGER_NAME)
        return err_set(e, ERR_HOST, -EINVAL, "'name' is longer than %d bytes", TRIGGER_NAME);
    r = check_object("config", t->config, e);
    if (r == 0)
        r = check_object("extra", t->extra, e);
    if (r < 0)
        return r;

    trigger_encode(t, &again);
    return field_check_same(json, &again, e);
}

int trigger_decode(struct str json, uint64_t revision, struct trigger **ret, struct err *e)
{
    struct trigger *t = trigger_new(&(struct fn_key){0}, STR_NONE);
    int r;

    r = read_record(json, t, e);
    if (r < 0) {
        trigger_unref(t);
        return err_wrap(e, r, "trigger record");
    }

    t->revision = revision;
    *ret = t;
    return 0;
}
