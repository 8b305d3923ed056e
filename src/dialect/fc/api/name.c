/* SPDX-License-Identifier: Apache-2.0 */
/* name.c - what things may be called, and how a path names a service with a version or alias. */
#include <errno.h>

#include "base/err.h"
#include "base/json.h"
#include "dialect/fc/api/parse.h"

#include <cjson/cJSON.h>

struct fc_service_ref fc_parse_service_ref(struct str segment)
{
    struct fc_service_ref ref = {.qualifier = segment};

    ref.service = str_cut(&ref.qualifier, '.');
    return ref;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

int fc_parse_name(struct str name, const char *what, struct err *e)
{
    bool good = name.n > 0 && (is_letter(name.p[0]) || name.p[0] == '_');

    if (name.n < 1 || name.n > FC_NAME_MAX)
        return err_set(e, ERR_CALLER, -EINVAL, "%s must have 1 to %d characters (actual: %zu)",
                       what, FC_NAME_MAX, name.n);
    for (size_t i = 0; i < name.n && good; i++)
        good = is_letter(name.p[i]) || is_digit(name.p[i]) || name.p[i] == '_' || name.p[i] == '-';
    if (!good)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "%s must match [A-Za-z_][A-Za-z0-9_-]* (actual: '%.*s')", what,
                       STR_ARG(name));
    return 0;
}

int fc_parse_name_of(const struct cJSON *body, const char *field, struct str *ret, struct err *e)
{
    struct str name = STR_NONE;
    int r;

    if (!cJSON_IsObject(body))
        return err_set(e, ERR_CALLER, -EINVAL, "the request body must be a JSON object");
    r = json_str(body, field, true, &name, e);
    if (r < 0)
        return r;
    r = fc_parse_name(name, field, e);
    if (r < 0)
        return r;

    *ret = name;
    return 0;
}
