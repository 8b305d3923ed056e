/* SPDX-License-Identifier: Apache-2.0 */
/*
 * authorizer_answer.c - reads what an authorizer's function answered.
 *
 * The answer is JSON in JSON, up to three times: a Python function that returns json.dumps() of an
 * object answers a JSON string of that object, whose "body" is a string of JSON again. Only the
 * inner "status" decides. "statusCode" is that of a function behind APIG: one that is not 2xx
 * cannot let anybody in, whatever the body says, but with "deny" in it it is a denial like another
 * (the guides' samples answer 401 with it).
 *
 * Names of the context are checked here, because they become "$context.authorizer.frontend.<name>"
 * later: 1 to 32 letters, digits, '-' and '_', the first a letter. Of two equal names the first one
 * is found. Values are scalars; what is no string is kept as its JSON text.
 */
#include "gateway/guard/authorizer_answer.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"

enum { NUMBER_TEXT = 64 };

static int broken(struct err *e, const char *what)
{
    return err_set(e, ERR_FUNCTION, -EINVAL, "%s", what);
}

static bool is_letter(char c)
{
    return str_lower(c) >= 'a' && str_lower(c) <= 'z';
}

static bool good_name(struct str name)
{
    if (name.n == 0 || name.n > AUTHORIZER_NAME_MAX || !is_letter(name.p[0]))
        return false;
    for (size_t i = 1; i < name.n; i++)
        if (!is_letter(name.p[i]) && !(name.p[i] >= '0' && name.p[i] <= '9') && name.p[i] != '-' &&
            name.p[i] != '_')
            return false;
    return true;
}

/* The value as text; room holds what is no string. */
static struct str value_text(const struct cJSON *item, struct buf *room)
{
    if (cJSON_IsString(item))
        return str_of(item->valuestring);
    buf_reset(room);
    json_print(item, room);
    return buf_str(room);
}

static int check_context(const struct cJSON *context, struct err *e)
{
    const struct cJSON *item;

    cJSON_ArrayForEach(item, context)
    {
        if (!good_name(str_of(item->string)))
            return err_set(e, ERR_FUNCTION, -EINVAL,
                           "the name '%.40s' in its context is not of 1 to 32 letters, digits, "
                           "'-' and '_', beginning with a letter",
                           item->string);
        if (cJSON_IsObject(item) || cJSON_IsArray(item))
            return err_set(e, ERR_FUNCTION, -EINVAL,
                           "'%s' in its context is not text, a number, true, false or null",
                           item->string);
    }
    return 0;
}

static struct str put(char **at, struct str text)
{
    struct str kept = {*at, text.n};

    if (text.n)
        memcpy(*at, text.p, text.n);
    (*at)[text.n] = '\0';
    *at += text.n + 1;
    return kept;
}

/* One block: the struct, the pairs, their texts. */
static struct authorizer_answer *keep(bool allow, const struct cJSON *context)
{
    cleanup_with(buf_done) struct buf room;
    struct authorizer_answer *a;
    struct shape_pair *pairs;
    const struct cJSON *item;
    size_t n = 0, bytes = 0;
    char *at;

    buf_init(&room, NUMBER_TEXT);
    cJSON_ArrayForEach(item, context)
    {
        bytes += sizeof(*pairs) + strlen(item->string) + 1 + value_text(item, &room).n + 1;
        n++;
    }
    bytes += sizeof(*a);
    a = xcalloc(1, bytes); /* no more than a few times the answer, which is bounded */
    pairs = (struct shape_pair *)(a + 1);
    at = (char *)(pairs + n);
    *a = (struct authorizer_answer){
            .refs = 1, .allow = allow, .context = {pairs, n}, .bytes = bytes};
    cJSON_ArrayForEach(item, context)
    {
        pairs->name = put(&at, str_of(item->string));
        pairs->value = put(&at, value_text(item, &room));
        pairs++;
    }
    return a;
}

/* The text of the body says "allow" or "deny". */
static int read_body(struct str body, bool good_status, struct authorizer_answer **ret,
                     struct err *e)
{
    cleanup_with(json_freep) struct cJSON *tree = json_parse(body, e);
    const struct cJSON *context = json_get(tree, "context");
    struct str status = STR_NONE;
    bool allow;
    int r;

    if (!tree)
        return err_wrap(e, -EINVAL, "the body of its answer is not JSON");
    if (!cJSON_IsObject(tree))
        return broken(e, "the body of its answer is not a JSON object");
    r = json_str(tree, "status", false, &status, e);
    if (r < 0)
        return err_wrap(e, -EINVAL, "the body of its answer");
    if (!status.p)
        return broken(e, "the body of its answer has no 'status'");
    allow = str_eq(status, S("allow"));
    if (!allow && !str_eq(status, S("deny")))
        return broken(e, "'status' in the body of its answer is neither 'allow' nor 'deny'");
    if (allow && !good_status)
        return broken(e, "its answer has a 'statusCode' that is not 2xx, and yet says 'allow'");
    if (context && !cJSON_IsObject(context))
        return broken(e, "'context' in the body of its answer is not an object");
    r = check_context(context, e);
    if (r == 0)
        *ret = keep(allow, context);
    return r;
}

/* A number, or the same as text. */
static int read_status(const struct cJSON *answer, int64_t *ret, struct err *e)
{
    const struct cJSON *item = json_get(answer, "statusCode");

    *ret = 0;
    if (cJSON_IsString(item) && str_i64(str_of(item->valuestring), 100, 599, ret) < 0)
        return broken(e, "'statusCode' of its answer is not a status from 100 to 599");
    if (!cJSON_IsString(item) && json_int(answer, "statusCode", false, 100, 599, ret, e) < 0)
        return err_wrap(e, -EINVAL, "its answer");
    return *ret ? 0 : broken(e, "its answer has no 'statusCode'");
}

static int read_answer(const struct cJSON *answer, struct authorizer_answer **ret, struct err *e)
{
    cleanup_with(buf_done) struct buf decoded;
    struct str body = STR_NONE;
    bool base64 = false;
    int64_t status;

    buf_init(&decoded, AUTHORIZER_ANSWER_MAX);
    if (!cJSON_IsObject(answer))
        return broken(e, "its answer is not a JSON object");
    if (read_status(answer, &status, e) < 0)
        return -EINVAL;
    if (json_bool(answer, "isBase64Encoded", false, &base64, e) < 0 ||
        json_str(answer, "body", false, &body, e) < 0)
        return err_wrap(e, -EINVAL, "its answer");
    if (!body.p)
        return broken(e, "its answer has no 'body'");
    if (base64 && base64_decode(body, &decoded) < 0)
        return broken(e, "the body of its answer is not base64");
    if (base64)
        body = buf_str(&decoded);
    return read_body(body, status >= 200 && status < 300, ret, e);
}

int authorizer_answer_parse(struct str text, struct authorizer_answer **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *outer = NULL, *inner = NULL;
    const struct cJSON *answer;

    if (text.n > AUTHORIZER_ANSWER_MAX)
        return err_set(e, ERR_FUNCTION, -EMSGSIZE, "its answer has %zu bytes, at most %d are read",
                       text.n, AUTHORIZER_ANSWER_MAX);
    outer = json_parse(text, e);
    if (!outer)
        return err_wrap(e, -EINVAL, "its answer is not JSON");
    answer = outer;
    if (cJSON_IsString(outer)) {
        inner = json_parse(str_of(outer->valuestring), e);
        if (!inner)
            return err_wrap(e, -EINVAL, "the text it answered is not JSON");
        answer = inner;
    }
    return read_answer(answer, ret, e);
}

struct authorizer_answer *authorizer_answer_ref(struct authorizer_answer *a)
{
    a->refs++;
    return a;
}

void authorizer_answer_unref(struct authorizer_answer *a)
{
    if (a && --a->refs == 0)
        free(a);
}
