/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deploy_domains.c - the custom domains that a manifest names, put where they differ from what is
 * there. Others are left alone. They belong to the account and region of the manifest's functions of
 * fc, as their routes do.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/uri.h"
#include "cli/client.h"
#include "cli/deploy.h"

enum { REQUEST_TEXT = 256 << 10, PATH_TEXT = 4 << 10 };

static const char PATH[] = "/evoke/v1/gateway/fc_domain";

/* Whose they are: of the first function of fc. */
static const struct name *owner_of(const struct manifest *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->functions[i].name.dialect, S("fc")))
            return &m->functions[i].name;
    return NULL;
}

static struct cJSON *wanted_of(const struct name *owner, const struct cJSON *domain, bool new)
{
    struct cJSON *body = cJSON_CreateObject();
    cleanup_free char *account = str_dup(owner->account), *region = str_dup(owner->region);

    if (new) {
        cJSON_AddStringToObject(body, "dialect", "fc");
        cJSON_AddStringToObject(body, "account", account);
        cJSON_AddStringToObject(body, "region", region);
        cJSON_AddStringToObject(body, "id", domain->string);
    }
    cJSON_AddItemToObject(body, "body", cJSON_Duplicate(domain, true));
    return body;
}

static int send(struct client *c, const struct cJSON *body, bool new, const char *path,
                bool dry_run, struct err *e)
{
    cleanup_with(buf_done) struct buf text, answer = {0};
    struct client_request req = {.method = new ? "POST" : "PUT", .timeout_ms = 60000};
    int r;

    buf_init(&text, REQUEST_TEXT);
    json_print(body, &text);
    req.path = new ? str_of(PATH) : str_of(path);
    req.body = buf_str(&text);
    if (dry_run)
        req.query = S("dry_run=true");
    r = client_call(c, &req, &answer, e);
    return r < 0 ? r : 0;
}

static int deploy_one(struct client *c, const struct name *owner, const struct cJSON *domain,
                      bool dry_run, struct buf *lines, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *there = NULL, *body = NULL;
    cleanup_with(buf_done) struct buf path;
    bool same;
    int r;

    buf_init(&path, PATH_TEXT);
    buf_addf(&path, "%s/", PATH);
    uri_encode(str_of(domain->string), "", &path);
    r = client_get(c, buf_str(&path), STR_NONE, &there, e);
    if (r < 0 && r != -ENOENT)
        return r;
    same = there && cJSON_Compare(json_get(there, "body"), domain, true);
    body = wanted_of(owner, domain, !there);
    r = same ? 0 : send(c, body, !there, path.p, dry_run, e);
    if (r == 0)
        buf_addf(lines, "%s  domain %s\n", domain->string,
                 same    ? "unchanged"
                 : there ? "updated"
                         : "created");
    return r;
}

int deploy_domains(struct client *c, const struct manifest *m, bool dry_run, struct buf *lines,
                   struct err *e)
{
    const struct name *owner = owner_of(m);
    int r = 0;

    if (!owner)
        return err_set(e, ERR_CALLER, -EINVAL, "domains: the manifest has no functions of fc");
    for (const struct cJSON *v = m->domains->child; v && r == 0; v = v->next) {
        r = deploy_one(c, owner, v, dry_run, lines, e);
        if (r < 0)
            return err_wrap(e, r, "domain '%.200s'", v->string);
    }
    return r;
}
