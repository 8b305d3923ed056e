/* SPDX-License-Identifier: Apache-2.0 */
/*
 * apig_domain.c - domains bound to a group: the group answers requests for them as for its own name.
 *
 * Whose name that is, is not asked: no CNAME is looked up (status 3, resolved). A name that evoke
 * itself answers to cannot be bound. Certificates are refused: TLS ends in front of evoke.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "api/host.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "dialect/functiongraph/api/apig.h"
#include "dialect/functiongraph/api/apig_handlers.h"
#include "gateway/gateway.h"

enum { DOMAIN_ROOM = 256 };

static void adorn(const struct call *c, const struct resource *r, struct cJSON *object)
{
    (void)c;
    apig_set_str(object, "url_domain", str_of(r->id));
    apig_set_int(object, "status", 3);
    apig_set(object, "verified_client_certificate_enabled", cJSON_CreateBool(false));
}

static const struct apig_default defaults[] = {{"min_ssl_version", "\"TLSv1.2\""},
                                               {"is_http_redirect_to_https", "false"},
                                               {"ingress_http_port", "80"},
                                               {"ingress_https_port", "443"},
                                               {NULL, NULL}};
const struct apig_kind apig_domains = {
        .name = "domain",
        .list = "url_domains",
        .what = "URL domain name",
        .missing = "APIG.3020",
        .exists = "APIG.3305",
        .quota = "APIG.3108",
        .defaults = defaults,
        .adorn = adorn,
        .merge = true,
};

static bool add_url_domain(void *user, const struct resource *r)
{
    struct cJSON *one = cJSON_CreateObject(), *body = json_parse(str_of(r->body), NULL);
    struct str version = apig_text(body, "min_ssl_version");

    apig_set_str(one, "id", str_of(r->id));
    apig_set_str(one, "domain", str_of(r->id));
    apig_set_int(one, "cname_status", 3);
    apig_set_str(one, "ssl_id", S(""));
    apig_set_str(one, "ssl_name", S(""));
    apig_set_str(one, "min_ssl_version", version.n > 0 ? version : S("TLSv1.2"));
    apig_set(one, "ssl_infos", cJSON_CreateArray());
    json_free(body);
    cJSON_AddItemToArray(user, one);
    return true;
}

struct cJSON *apig_url_domains(const struct call *c, struct str group)
{
    struct resource_filter filter = apig_filter(c, &apig_domains, group);
    struct cJSON *all = cJSON_CreateArray();

    catalog_each_resource(c->api->catalog, &filter, add_url_domain, all);
    return all;
}

/* Lower case, without the root's dot. False: it has replied. */
static bool domain_of(struct call *c, const struct cJSON *body, char room[DOMAIN_ROOM],
                      struct str *ret)
{
    struct str given = apig_text(body, "url_domain");

    if (given.n > 0 && given.p[given.n - 1] == '.')
        given.n--;
    if (given.n == 0 || given.n >= DOMAIN_ROOM) {
        apig_fail_parameter(c, "url_domain", "it is not a domain name of 1 to 255 characters");
        return false;
    }
    for (size_t i = 0; i < given.n; i++)
        room[i] = str_lower(given.p[i]);
    *ret = (struct str){room, given.n};
    return true;
}

/* Switches that would need TLS are refused when they ask for it. */
static bool settings_ok(struct call *c, const struct cJSON *body)
{
    static const char *const switches[] = {"is_http_redirect_to_https",
                                           "verified_client_certificate_enabled"};

    for (size_t i = 0; i < sizeof(switches) / sizeof(*switches); i++) {
        if (!cJSON_IsTrue(json_get(body, switches[i])))
            continue;
        apig_fail(c, APIG_UNSUPPORTED, "%s is", switches[i]);
        return false;
    }
    return true;
}

void apig_bind_domain(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *group;
    struct resource *draft;
    char room[DOMAIN_ROOM];
    struct str name;

    if (!apig_enter(c) || !(group = apig_find(c, &apig_groups, apig_path(c, 0))) ||
        !(body = apig_body(c)) || !domain_of(c, body, room, &name) || !settings_ok(c, body))
        return;
    apig_set_str(body, "url_domain", name);
    if (host_is_ours(name, str_of(c->api->hosts)) || gateway_knows_host(c->api->gateway, name) ||
        catalog_resource(c->api->catalog, S("domain"), name)) {
        apig_fail_catalog(c, &apig_domains, -EEXIST);
        return;
    }
    draft = apig_draft(c, &apig_domains, name, str_of(group->id), body);
    if (draft)
        apig_create(c, &apig_domains, draft);
}

void apig_update_domain(struct call *c)
{
    cleanup_with(json_freep) struct cJSON *body = NULL;
    const struct resource *r;

    if (!apig_enter(c) || !(r = apig_find_in(c, &apig_domains, apig_path(c, 1), apig_path(c, 0))) ||
        !(body = apig_body(c)) || !settings_ok(c, body))
        return;
    apig_set_str(body, "url_domain", str_of(r->id)); /* it does not move */
    apig_change(c, &apig_domains, r, body);
}

void apig_unbind_domain(struct call *c)
{
    const struct resource *r;

    if (apig_enter(c) && (r = apig_find_in(c, &apig_domains, apig_path(c, 1), apig_path(c, 0))))
        apig_remove(c, &apig_domains, r);
}
