/* SPDX-License-Identifier: Apache-2.0 */
/* gateway.c - the daemon's lists of the gateway's objects, and which of them a word means. */
#include "cli/gateway.h"

#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/view.h"

enum { PATH_TEXT = 4096, TIMEOUT_MS = 60000 };

void gateway_path(const char *kind, struct str id, const char *verb, struct buf *out)
{
    buf_addf(out, "/evoke/v1/gateway/%s", kind);
    if (id.n > 0) {
        buf_addc(out, '/');
        uri_encode(id, "", out);
    }
    if (verb)
        buf_addf(out, "/%s", verb);
}

int gateway_send(struct client *c, const char *method, struct str path, struct str query,
                 struct str body, struct cJSON **ret, struct err *e)
{
    struct client_request request = {
            .method = method,
            .path = path,
            .query = query,
            .content_type = body.n ? "application/json" : NULL,
            .body = body,
            .timeout_ms = TIMEOUT_MS,
    };
    cleanup_with(buf_done) struct buf answer;
    int status = client_call(c, &request, &answer, e), r = 0;

    if (status >= 0 && ret)
        r = client_json(&answer, ret, e);
    return r < 0 ? r : status;
}

int gateway_list(struct client *c, const char *kind, struct str query, struct cJSON **ret,
                 struct err *e)
{
    cleanup_with(json_freep) struct cJSON *answer = NULL;
    cleanup_with(buf_done) struct buf path;
    int r;

    buf_init(&path, PATH_TEXT);
    gateway_path(kind, STR_NONE, NULL, &path);
    r = client_get(c, buf_str(&path), query, &answer, e);
    if (r < 0)
        return r;
    *ret = cJSON_DetachItemFromObjectCaseSensitive(answer, "objects");
    if (!*ret)
        *ret = cJSON_CreateArray();
    return 0;
}

struct str gateway_text(const struct cJSON *object, const char *key)
{
    struct str s = view_text(json_get(object, "body"), key);

    return s.p ? s : S("");
}

const struct cJSON *gateway_by_id(const struct cJSON *list, struct str id)
{
    const struct cJSON *object;

    cJSON_ArrayForEach(object, list)
    {
        if (str_eq(view_text(object, "id"), id))
            return object;
    }
    return NULL;
}

struct str gateway_env_name(const struct cJSON *envs, struct str id)
{
    const struct cJSON *env;

    if (str_eq(id, S(GATEWAY_RELEASE_ENV)))
        return S("RELEASE");
    cJSON_ArrayForEach(env, envs)
    {
        if (str_eq(view_text(env, "id"), id))
            return view_text(env, "name");
    }
    return S("");
}

/* "shop/hello": the part before the last '/' that is a group's name. */
static bool is_in_group(const struct cJSON *object, const struct cJSON *groups, struct str word)
{
    const struct cJSON *group;

    cJSON_ArrayForEach(group, groups)
    {
        struct str name = view_text(group, "name"), rest = str_from(word, name.n);

        if (str_eq(view_text(group, "id"), view_text(object, "parent")) && str_starts(word, name) &&
            rest.n > 1 && rest.p[0] == '/')
            return str_eq(str_from(rest, 1), view_text(object, "name"));
    }
    return false;
}

int gateway_find(struct client *c, const char *kind, const char *word, struct cJSON **all,
                 const struct cJSON **ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *groups = NULL;
    const struct cJSON *object, *found = NULL;
    struct str text = str_of(word);
    size_t n = 0;
    int r = gateway_list(c, kind, STR_NONE, all, e);

    if (r >= 0)
        r = gateway_list(c, "group", STR_NONE, &groups, e);
    if (r < 0)
        return r;
    cJSON_ArrayForEach(object, *all)
    {
        if (!str_eq(view_text(object, "id"), text) && !str_eq(view_text(object, "name"), text) &&
            !is_in_group(object, groups, text))
            continue;
        found = object;
        n++;
    }
    if (n == 0)
        return err_set(e, ERR_CALLER, -ENOENT, "there is no %s '%.128s'", kind, word);
    if (n > 1)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "%zu objects are called '%.128s': write GROUP/NAME, or the id", n, word);
    *ret = found;
    return 0;
}
