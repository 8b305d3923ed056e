/* SPDX-License-Identifier: Apache-2.0 */
/* user_data.c - user_data: a JSON object serialised into a text, and what its names may be. */
#include <cjson/cJSON.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"

enum { KEYS_MAX = 20, CHARACTERS_MAX = 4096 };

static size_t characters(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

/* The service's own variables (docs: environment of a function). */
static bool is_reserved(struct str s)
{
    static const char *const names[] = {
            "RUNTIME_PROJECT_ID",
            "RUNTIME_FUNC_NAME",
            "RUNTIME_FUNC_VERSION",
            "RUNTIME_PACKAGE",
            "RUNTIME_HANDLER",
            "RUNTIME_ALIAS",
            "RUNTIME_TIMEOUT",
            "RUNTIME_MEMORY",
            "RUNTIME_CPU",
            "RUNTIME_USERDATA",
            "RUNTIME_CODE_ROOT",
            "RUNTIME_ROOT",
            "RUNTIME_LOG_DIR",
            "RUNTIME_API_ADDR",
            "EXTENSION_API_ADDR",
            "RUNTIME_INITIALIZER_HANDLER",
            "RUNTIME_PRESTOP_HANDLER",
            "RUNTIME_INITIALIZER_TIMEOUT",
            "RUNTIME_MAX_STATE_SIZE",
            "RUNTIME_MAX_RESP_BODY_SIZE",
            "RUNTIME_MAX_REQUEST_BODY_SIZE",
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(s, str_of(names[i])))
            return true;
    return false;
}

static bool key_ok(struct str s)
{
    if (s.n == 0 || !((s.p[0] >= 'a' && s.p[0] <= 'z') || (s.p[0] >= 'A' && s.p[0] <= 'Z')))
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return true;
}

static int add(struct fn *draft, const struct cJSON *v, struct fg_error *x)
{
    struct str key = str_of(v->string);

    if (!key_ok(key))
        return fg_refuse(x, 400, "FSS.1009",
                         "user_data key '%.*s' is not a letter followed by letters, digits or '_'",
                         (int)(key.n < 80 ? key.n : 80), key.p);
    if (is_reserved(key))
        return fg_refuse(x, 400, "FSS.1009", "user_data key '%s' is reserved", v->string);
    if (!cJSON_IsString(v))
        return fg_refuse(x, 400, "FSS.1009", "the value of user_data key '%.80s' is not a text",
                         v->string);
    fn_add_var(draft, key, str_of(v->valuestring));
    return 0;
}

int fg_parse_user_data(struct str text, struct fn *draft, struct fg_error *x)
{
    cleanup_with(json_freep) struct cJSON *tree = NULL;
    const struct cJSON *v;
    int r;

    if (characters(text) > CHARACTERS_MAX)
        return fg_refuse(x, 400, "FSS.1018", "user_data has %zu characters, %d are allowed",
                         characters(text), CHARACTERS_MAX);
    fn_set_vars_done(draft);
    if (text.n == 0)
        return 0;

    tree = json_parse(text, NULL);
    if (!tree || !cJSON_IsObject(tree))
        return fg_refuse(x, 400, "FSS.1009", "user_data is not a JSON object in a text");
    if (cJSON_GetArraySize(tree) > KEYS_MAX)
        return fg_refuse(x, 400, "FSS.1017", "user_data has %d keys, %d are allowed",
                         cJSON_GetArraySize(tree), KEYS_MAX);
    cJSON_ArrayForEach(v, tree)
    {
        r = add(draft, v, x);
        if (r < 0)
            return r;
    }
    return 0;
}
