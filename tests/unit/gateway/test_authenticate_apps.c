/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/guard/authenticate_apps.h"

#include <stdlib.h>

#include "t.h"

#include "fn/resource.h"
#include "gateway/model/model.h"
#include "gateway/plane/objects.h"

static const struct resource *record(const char *kind, const char *id, const char *parent,
                                     const char *name, const char *body)
{
    struct resource *r = resource_new(str_of(kind), str_of(id));

    free(r->account);
    free(r->region);
    free(r->parent);
    free(r->name);
    free(r->body);
    r->account = strdup("acc");
    r->region = strdup("reg");
    r->parent = strdup(parent);
    r->name = strdup(name);
    r->body = strdup(body);
    return r;
}

static void add(struct gw_apps *a, const struct resource *r)
{
    gw_apps_change(a, NULL, r);
    resource_unref(r);
}

static void drop(struct gw_apps *a, const struct resource *r)
{
    gw_apps_change(a, r, NULL);
    resource_unref(r);
}

static const struct resource *app(const char *id, const char *key, const char *secret)
{
    char body[256];

    (void)snprintf(body, sizeof(body), "{\"app_key\":\"%s\",\"app_secret\":\"%s\"}", key, secret);
    return record("app", id, "", "the app", body);
}

static const struct resource *auth(const char *id, const char *app_id, const char *api,
                                   const char *env)
{
    char body[256];

    (void)snprintf(body, sizeof(body), "{\"api_id\":\"%s\",\"env_id\":\"%s\"}", api, env);
    return record("app_auth", id, app_id, "", body);
}

static void apps_are_found_by_key_as_they_change(void **state)
{
    struct gw_apps *a = gw_apps_new();
    const struct resource *old = app("1", "k1", "s1"), *new = app("1", "k2", "s2");

    (void)state;
    gw_apps_change(a, NULL, old);
    assert_non_null(gw_apps_by_key(a, S("k1")));
    assert_string_equal(gw_apps_by_key(a, S("k1"))->secret, "s1");
    assert_string_equal(gw_apps_by_key(a, S("k1"))->name, "the app");
    gw_apps_change(a, old, new);
    assert_null(gw_apps_by_key(a, S("k1")));
    assert_string_equal(gw_apps_by_key(a, S("k2"))->secret, "s2");
    gw_apps_change(a, new, NULL);
    assert_null(gw_apps_by_key(a, S("k2")));
    resource_unref(old);
    resource_unref(new);
    gw_apps_free(a);
}

static void an_app_without_key_or_secret_is_nobody(void **state)
{
    struct gw_apps *a = gw_apps_new();

    (void)state;
    add(a, app("1", "", "s"));
    add(a, app("2", "k", ""));
    assert_null(gw_apps_by_key(a, S("")));
    assert_null(gw_apps_by_key(a, S("k")));
    gw_apps_free(a);
}

static void a_code_leads_to_its_app_in_whatever_order_they_come(void **state)
{
    struct gw_apps *a = gw_apps_new();

    (void)state;
    add(a, record("app_code", "c", "1", "", "{\"app_code\":\"code\"}"));
    assert_null(gw_apps_by_code(a, S("code")));
    add(a, app("1", "k", "s"));
    assert_string_equal(gw_apps_by_code(a, S("code"))->id, "1");
    assert_null(gw_apps_by_code(a, S("")));
    drop(a, app("1", "k", "s"));
    assert_null(gw_apps_by_code(a, S("code")));
    drop(a, record("app_code", "c", "1", "", "{\"app_code\":\"code\"}"));
    add(a, app("1", "k", "s"));
    assert_null(gw_apps_by_code(a, S("code")));
    gw_apps_free(a);
}

static struct gw_api *api(enum dialect d, const char *id, const char *stage)
{
    struct gw_group *g = gw_group_new(d, "the-group", "g");
    struct gw_api *a = gw_api_new(g);

    free(g->account);
    free(g->region);
    g->account = strdup("acc");
    g->region = strdup("reg");
    free(a->id);
    free(a->stage);
    a->id = strdup(id);
    a->stage = strdup(stage);
    gw_group_unref(g);
    return a;
}

static bool allowed(const struct gw_apps *a, enum dialect d, const char *id, const char *stage)
{
    struct gw_api *x = api(d, id, stage);
    bool yes = gw_apps_allowed(a, gw_apps_by_key(a, S("k")), x);

    gw_api_unref(x);
    return yes;
}

static void an_app_may_call_what_it_was_authorised_for_there(void **state)
{
    struct gw_apps *a = gw_apps_new();

    (void)state;
    add(a, app("1", "k", "s"));
    assert_false(allowed(a, DIALECT_FUNCTIONGRAPH, "x", "RELEASE"));
    add(a, auth("a1", "1", "x", GW_RELEASE_ENV));
    add(a, auth("a2", "1", "x", "e-test"));
    add(a, auth("a3", "2", "y", GW_RELEASE_ENV));
    assert_true(allowed(a, DIALECT_FUNCTIONGRAPH, "x", "RELEASE"));
    assert_false(allowed(a, DIALECT_FUNCTIONGRAPH, "y", "RELEASE"));
    assert_false(allowed(a, DIALECT_FUNCTIONGRAPH, "x", "release")); /* it would be another one */
    assert_false(allowed(a, DIALECT_FUNCTIONGRAPH, "x", "test"));    /* no such environment yet */
    add(a, record("env", "e-test", "", "test", "{}"));
    assert_true(allowed(a, DIALECT_FUNCTIONGRAPH, "x", "test"));
    drop(a, record("env", "e-test", "", "test", "{}"));
    assert_false(allowed(a, DIALECT_FUNCTIONGRAPH, "x", "test"));
    gw_apps_free(a);
}

static void what_was_said_twice_holds_until_both_are_gone(void **state)
{
    struct gw_apps *a = gw_apps_new();

    (void)state;
    add(a, app("1", "k", "s"));
    add(a, auth("a1", "1", "x", GW_RELEASE_ENV));
    add(a, auth("a2", "1", "x", GW_RELEASE_ENV));
    drop(a, auth("a1", "1", "x", GW_RELEASE_ENV));
    assert_true(allowed(a, DIALECT_FUNCTIONGRAPH, "x", "RELEASE"));
    drop(a, auth("a2", "1", "x", GW_RELEASE_ENV));
    assert_false(allowed(a, DIALECT_FUNCTIONGRAPH, "x", "RELEASE"));
    gw_apps_free(a);
}

static void plans_of_scf_are_bound_to_api_or_service(void **state)
{
    struct gw_apps *a = gw_apps_new();

    (void)state;
    add(a, app("1", "k", "s"));
    add(a, auth("a1", "1", "api-1", "release"));
    assert_true(allowed(a, DIALECT_SCF, "api-1", "release"));
    assert_false(allowed(a, DIALECT_SCF, "api-1", "test"));
    add(a, auth("a2", "1", "the-group", "test"));
    assert_true(allowed(a, DIALECT_SCF, "api-1", "test"));
    assert_false(allowed(a, DIALECT_SCF, "api-2", "release"));
    add(a, auth("a3", "1", "api-2",
                GW_RELEASE_ENV)); /* its stage by id, as the control plane has it */
    assert_true(allowed(a, DIALECT_SCF, "api-2", "release"));
    assert_false(allowed(a, DIALECT_SCF, "api-2", "prepub"));
    gw_apps_free(a);
}

/* What takes every app of its neighbourhood takes no other. */
static void a_neighbour_is_of_the_same_cloud_account_and_region(void **state)
{
    struct gw_group *g = gw_group_new(DIALECT_SCF, "the-group", "g");
    struct gw_api *api = gw_api_new(g);
    char account[] = "acct", region[] = "here", other[] = "other";
    struct gw_app app = {.dialect = DIALECT_SCF, .account = account, .region = region};

    (void)state;
    gw_set(&g->account, S("acct"));
    gw_set(&g->region, S("here"));
    assert_true(gw_app_is_neighbour(&app, api));
    app.dialect = DIALECT_FUNCTIONGRAPH;
    assert_false(gw_app_is_neighbour(&app, api));
    app.dialect = DIALECT_SCF;
    app.account = other;
    assert_false(gw_app_is_neighbour(&app, api));
    app.account = account;
    app.region = other;
    assert_false(gw_app_is_neighbour(&app, api));
    gw_api_unref(api);
    gw_group_unref(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(apps_are_found_by_key_as_they_change),
            cmocka_unit_test(an_app_without_key_or_secret_is_nobody),
            cmocka_unit_test(a_code_leads_to_its_app_in_whatever_order_they_come),
            cmocka_unit_test(an_app_may_call_what_it_was_authorised_for_there),
            cmocka_unit_test(what_was_said_twice_holds_until_both_are_gone),
            cmocka_unit_test(plans_of_scf_are_bound_to_api_or_service),
            cmocka_unit_test(a_neighbour_is_of_the_same_cloud_account_and_region),
    };

    return T_RUN(tests);
}
