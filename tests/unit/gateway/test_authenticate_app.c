/* SPDX-License-Identifier: Apache-2.0 */
/* The step alone, with apps of its own. */
#include <stdarg.h>
#include <stdlib.h>

#include "t.h"

#include "base/clock.h"
#include "catalog/resources.h"
#include "fn/resource.h"
#include "gateway/call.h"
#include "gateway/guard/guard.h"
#include "gateway/plane/objects.h"
#include "sign/sign.h"

#define KEY    "the-app-key"
#define SECRET "the-app-secret"
#define CODE   "the-app-code"

static enum gw_fault fault;
static char said[512];

void gw_fail(struct gw_call *c, enum gw_fault why, const char *detail, ...)
{
    va_list ap;

    (void)c;
    fault = why;
    said[0] = '\0';
    va_start(ap, detail);
    if (detail)
        (void)vsnprintf(said, sizeof(said), detail, ap);
    va_end(ap);
}

enum gw_step gw_fc_authenticate(struct gw_call *c)
{
    (void)c;
    return GW_ENDED;
}

struct str gw_header(const struct gw_call *c, struct str name)
{
    for (uint32_t i = 0; i < c->req->nheaders; i++)
        if (str_ieq(c->req->headers[i].name, name))
            return c->req->headers[i].value;
    return STR_NONE;
}

static struct gw_api api;
static bool is_trigger; /* the API: there is no object of that id */

const struct resource *catalog_resource(const struct catalog *c, struct str kind, struct str id)
{
    static const struct resource object;

    (void)c;
    t_str(kind, S("api"));
    t_str(id, str_of(api.id));
    return is_trigger ? NULL : &object;
}

const struct fn *catalog_find_path(const struct catalog *c, struct str path)
{
    (void)c;
    (void)path;
    return NULL;
}

/* ---- the world ---- */

static struct gw_guard *guard;
static struct gw_group group = {
        .id = (char *)"group", .account = (char *)"a", .region = (char *)"r"};
static struct arena *arena;

static void add(const char *kind, const char *id, const char *parent, const char *body)
{
    struct resource *r = resource_new(str_of(kind), str_of(id));

    free(r->account);
    free(r->region);
    r->account = strdup("a");
    r->region = strdup("r");
    free(r->parent);
    free(r->name);
    free(r->body);
    r->parent = strdup(parent);
    r->name = strdup("app name");
    r->body = strdup(body);
    gw_guard_change(guard, NULL, r);
    resource_unref(r);
}

static int setup(void **state)
{
    const struct gateway_env env = {0};

    (void)state;
    guard = gw_guard_new(&env);
    add("app", "app-1", "", "{\"app_key\":\"" KEY "\",\"app_secret\":\"" SECRET "\"}");
    add("app_code", "c", "app-1", "{\"app_code\":\"" CODE "\"}");
    add("app_auth", "b", "app-1", "{\"api_id\":\"api\",\"env_id\":\"" GW_RELEASE_ENV "\"}");
    api = (struct gw_api){
            .id = (char *)"api", .stage = (char *)"RELEASE", .auth = GW_AUTH_APP, .group = &group};
    group.dialect = DIALECT_FUNCTIONGRAPH;
    arena = arena_new(1 << 16);
    said[0] = '\0';
    is_trigger = false;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena = arena_free(arena);
    guard = gw_guard_free(guard);
    return 0;
}

static enum gw_step come(const struct h1_header *headers, uint32_t n, struct str body)
{
    struct http_request req = {.method = S("POST"),
                               .path = S("/x"),
                               .query = S("a=1"),
                               .headers = headers,
                               .nheaders = n,
                               .body = body};
    struct gw_call c = {.guard = guard, .req = &req, .api = &api, .group = &group, .arena = arena};
    enum gw_step step = gw_authenticate(&c);

    if (step == GW_GO_ON) {
        t_str(c.app_id, S("app-1"));
        t_str(c.app_key, S(KEY));
        t_str(c.app_name, S("app name"));
    }
    return step;
}

static enum gw_step with(const char *name, const char *value)
{
    struct h1_header h = {.name = str_of(name), .value = str_of(value)};

    return come(&h, 1, STR_NONE);
}

static void refused(enum gw_step step, enum gw_fault why, const char *text)
{
    assert_int_equal(step, GW_ENDED);
    assert_int_equal(fault, why);
    t_has(said, text);
}

/* Signed at that time with these, over "signed"; sent with "sent" as body. */
static enum gw_step sign(int64_t when_ms, const char *key, const char *secret, struct str is_signed,
                         struct str sent)
{
    struct h1_header headers[3] = {{.name = S("host"), .value = S("h")},
                                   {.name = S("x-sdk-date")},
                                   {.name = S("authorization")}};
    struct sign_header list[2];
    struct sign_request what = {.method = S("POST"),
                                .path = S("/x"),
                                .query = S("a=1"),
                                .headers = list,
                                .nheaders = 2,
                                .body = is_signed};
    char date[CLOCK_TEXT], compact[CLOCK_TEXT];
    struct err e = {0};
    struct buf text;
    enum gw_step step;
    size_t n = 0;

    clock_iso(when_ms, date);
    for (const char *p = date; *p; p++)
        if (*p != '-' && *p != ':')
            compact[n++] = *p;
    compact[n] = '\0';
    headers[1].value = str_of(compact);
    for (int i = 0; i < 2; i++)
        list[i] = (struct sign_header){headers[i].name, headers[i].value};
    buf_init(&text, 1024);
    t_ok(sign_sdk_authorize(&what, str_of(key), str_of(secret), &text, &e), &e);
    headers[2].value = buf_str(&text);
    step = come(headers, 3, sent);
    buf_done(&text);
    return step;
}

static void a_signature_shows_the_app(void **state)
{
    int64_t now = clock_wall_ms();

    (void)state;
    assert_int_equal(sign(now, KEY, SECRET, S("body"), S("body")), GW_GO_ON);
    assert_int_equal(sign(now, KEY, SECRET, STR_NONE, STR_NONE), GW_GO_ON);
    refused(sign(now, KEY, "another", S("body"), S("body")), GW_AUTH_FAILED,
            "verify signature fail");
    refused(sign(now, KEY, SECRET, S("body"), S("other")), GW_AUTH_FAILED, "verify signature fail");
    refused(sign(now, "stranger", SECRET, S("body"), S("body")), GW_AUTH_FAILED,
            "app not found, appkey stranger");
    assert_null(strstr(said, SECRET));
}

static void a_signature_is_good_for_fifteen_minutes(void **state)
{
    int64_t now = clock_wall_ms(), most = 15 * 60 * 1000;

    (void)state; /* a second to spare: dates have whole ones, and time goes on */
    assert_int_equal(sign(now - most + 5000, KEY, SECRET, STR_NONE, STR_NONE), GW_GO_ON);
    assert_int_equal(sign(now + most - 1000, KEY, SECRET, STR_NONE, STR_NONE), GW_GO_ON);
    refused(sign(now - most - 1000, KEY, SECRET, STR_NONE, STR_NONE), GW_AUTH_STALE,
            "signature expired, signature time:");
    refused(sign(now + most + 5000, KEY, SECRET, STR_NONE, STR_NONE), GW_AUTH_STALE,
            "server time:");
}

static void nothing_shown_is_missing(void **state)
{
    (void)state;
    refused(come(NULL, 0, STR_NONE), GW_AUTH_MISSING, "authorization");
    refused(with("authorization", "x"), GW_AUTH_FAILED, "SDK-HMAC-SHA256");
}

static void a_code_shows_the_app_where_it_may(void **state)
{
    (void)state;
    refused(with("X-Apig-AppCode", CODE), GW_AUTH_MISSING, "");
    api.app_code = true;
    assert_int_equal(with("X-Apig-AppCode", CODE), GW_GO_ON);
    refused(with("X-Apig-AppCode", "other"), GW_AUTH_FAILED, "appcode");
    refused(with("X-Apig-AppCode", ""), GW_AUTH_FAILED, "appcode");
}

static void key_and_secret_show_the_app_where_they_may(void **state)
{
    struct h1_header h[] = {{.name = S("X-HW-ID"), .value = S(KEY)},
                            {.name = S("X-HW-AppKey"), .value = S(SECRET)}};

    (void)state;
    refused(come(h, 2, STR_NONE), GW_AUTH_MISSING, "");
    api.app_code = true;
    assert_int_equal(come(h, 2, STR_NONE), GW_GO_ON);
    h[1].value = S("the-app-secreT");
    refused(come(h, 2, STR_NONE), GW_AUTH_FAILED, "secret is not correct");
}

static void basic_shows_the_app_where_it_may(void **state)
{
    struct str pair = S(KEY ":" SECRET);
    struct buf text;

    (void)state;
    buf_init(&text, 256);
    buf_addz(&text, "Basic ");
    base64_encode(pair, &text);
    refused(with("authorization", text.p), GW_AUTH_FAILED, "SDK-HMAC-SHA256");
    api.app_code = true;
    assert_int_equal(with("authorization", text.p), GW_GO_ON);
    refused(with("authorization", "Basic !"), GW_AUTH_FAILED, "base64");
    refused(with("authorization", "Basic eDp5"), GW_AUTH_FAILED, "app not found, appkey x");
    buf_done(&text);
}

static void an_app_must_be_authorised_for_the_api(void **state)
{
    (void)state;
    api.id = (char *)"another";
    refused(sign(clock_wall_ms(), KEY, SECRET, STR_NONE, STR_NONE), GW_NOT_ALLOWED, "");
}

static void a_trigger_takes_the_apps_of_its_account(void **state)
{
    char *account = group.account;

    (void)state;
    api.id = (char *)"trigger";
    is_trigger = true;
    assert_int_equal(sign(clock_wall_ms(), KEY, SECRET, STR_NONE, STR_NONE), GW_GO_ON);
    group.account = (char *)"b";
    refused(sign(clock_wall_ms(), KEY, SECRET, STR_NONE, STR_NONE), GW_NOT_ALLOWED, "");
    group.account = account;
    group.dialect = DIALECT_SCF;
    refused(sign(clock_wall_ms(), KEY, SECRET, STR_NONE, STR_NONE), GW_NOT_ALLOWED, "");
}

static enum gw_step key_pair(const char *id, const char *algorithm, const char *secret)
{
    char date[CLOCK_TEXT], text[128], header[256];
    struct h1_header h[2] = {{.name = S("x-date")}, {.name = S("authorization")}};
    uint8_t mac[HMAC_MOST];
    struct buf signature;
    enum gw_step step;
    size_t n;

    clock_http(clock_wall_ms(), date);
    (void)snprintf(text, sizeof(text), "x-date: %s", date);
    n = hmac_named(str_of(algorithm + 5), str_of(secret), str_of(text), mac);
    buf_init(&signature, 256);
    base64_encode((struct str){(const char *)mac, n ? n : 1}, &signature);
    (void)snprintf(header, sizeof(header),
                   "hmac id=\"%s\", algorithm=\"%s\", headers=\"x-date\", signature=\"%s\"", id,
                   algorithm, signature.p);
    h[0].value = str_of(date);
    h[1].value = str_of(header);
    step = come(h, 2, STR_NONE);
    buf_done(&signature);
    return step;
}

static void scf_key_pairs_show_the_app(void **state)
{
    (void)state;
    group.dialect = DIALECT_SCF;
    api.auth = GW_AUTH_SECRET;
    api.id = (char *)"another";
    api.stage = (char *)"release";
    refused(key_pair(KEY, "hmac-sha1", SECRET), GW_NOT_ALLOWED, "Found no validate usage plan.");
    add("app_auth", "p", "app-1", "{\"api_id\":\"group\",\"env_id\":\"release\"}");
    assert_int_equal(key_pair(KEY, "hmac-sha1", SECRET), GW_GO_ON);
    assert_int_equal(key_pair(KEY, "hmac-sha512", SECRET), GW_GO_ON);
    refused(key_pair(KEY, "hmac-sha1", "wrong"), GW_AUTH_FAILED, "HMAC signature does not match.");
    refused(key_pair("who", "hmac-sha1", SECRET), GW_AUTH_FAILED,
            "HMAC apikey is invalid for API.");
    refused(key_pair(KEY, "hmac-md5", SECRET), GW_AUTH_FAILED,
            "HMAC algorithm hmac-md5 not supported.");
    refused(with("authorization", "Basic eDp5"), GW_AUTH_FAILED,
            "HMAC authorization format error.");
}

static void who_asks_for_nobody_lets_everybody_in(void **state)
{
    struct http_request req = {0};
    struct gw_call c = {.guard = guard, .req = &req, .api = &api, .group = &group, .arena = arena};

    (void)state;
    api.auth = GW_AUTH_NONE;
    assert_int_equal(gw_authenticate(&c), GW_GO_ON);
    api.auth = GW_AUTH_AUTHORIZER;
    assert_int_equal(gw_authenticate(&c), GW_GO_ON);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
            T(a_signature_shows_the_app),
            T(a_signature_is_good_for_fifteen_minutes),
            T(nothing_shown_is_missing),
            T(a_code_shows_the_app_where_it_may),
            T(key_and_secret_show_the_app_where_they_may),
            T(basic_shows_the_app_where_it_may),
            T(an_app_must_be_authorised_for_the_api),
            T(a_trigger_takes_the_apps_of_its_account),
            T(scf_key_pairs_show_the_app),
            T(who_asks_for_nobody_lets_everybody_in),
    };

    return T_RUN(tests);
}
