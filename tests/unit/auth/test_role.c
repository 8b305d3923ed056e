/* SPDX-License-Identifier: Apache-2.0 */
/* Requests signed with the temporary keys of a function's role, by all three forms of signature. */
#include "t.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "http/server.h"
#include "sign/sign.h"

#define SDK_DATE "20261121T204758Z"
#define FC_DATE  "Sat, 21 Nov 2026 20:50:18 GMT"
#define SIGNED   "host;x-sdk-date;x-security-token"
#define FUNCTION "functiongraph/p/local-1/default/fn"

static const int64_t sdk_ms = 1795294078000, fc_ms = 1795294218000;
static struct keys *keys;

struct made {
    struct h1_header headers[4];
    struct http_request r;
    char authorization[512];
};

static int setup(void **state)
{
    char path[] = "/tmp/evoke-auth-XXXXXX";
    bool created;
    int dir, r;

    (void)state;
    if (!mkdtemp(path))
        return -1;
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    r = keys_open(dir, "AK", "secret", &keys, &created, NULL);
    (void)close(dir);
    (void)io_remove_tree(AT_FDCWD, path);
    return r;
}

static int teardown(void **state)
{
    (void)state;
    keys = keys_free(keys);
    return 0;
}

static struct role_keys issue(int64_t now_ms)
{
    struct role_root root = keys_role_root(keys);
    struct role_keys k;

    assert_int_equal(role_issue(&root, "HST", S(FUNCTION), now_ms, &k), 0);
    return k;
}

static struct sign_request as_signed(const struct made *m, struct sign_header *list)
{
    for (uint32_t i = 0; i < m->r.nheaders; i++)
        list[i] = (struct sign_header){m->headers[i].name, m->headers[i].value};
    return (struct sign_request){
            .method = m->r.method, .path = m->r.path, .headers = list, .nheaders = m->r.nheaders};
}

static void add(struct made *m, const char *name, const char *value)
{
    m->headers[m->r.nheaders++] = (struct h1_header){str_of(name), str_of(value)};
}

/* scope NULL: the plain form, else the derived one. */
static void sdk(struct made *m, const struct role_keys *k, const char *scope)
{
    struct sign_header list[4];
    struct sign_request what;
    struct sign_sdk how = {.access_key = str_of(k->access_key), .signed_headers = S(SIGNED)};
    char hex[65];

    *m = (struct made){.r = {.method = S("GET"), .path = S("/v2/p/fgs/functions")}};
    m->r.headers = m->headers;
    add(m, "Host", "127.0.0.1:8900");
    add(m, "X-Sdk-Date", SDK_DATE);
    add(m, "X-Security-Token", k->token);
    what = as_signed(m, list);
    how.scope = scope ? str_of(scope) : STR_NONE;
    assert_int_equal(sign_sdk_expect(&what, &how, S(SDK_DATE), str_of(k->secret_key), hex, NULL),
                     0);
    (void)snprintf(m->authorization, sizeof(m->authorization),
                   "%s %s=%s%s%s, SignedHeaders=" SIGNED ", Signature=%s",
                   scope ? "V11-HMAC-SHA256" : "SDK-HMAC-SHA256", scope ? "Credential" : "Access",
                   k->access_key, scope ? "/" : "", scope ? scope : "", hex);
    add(m, "Authorization", m->authorization);
}

static void fc(struct made *m, const struct role_keys *k)
{
    cleanup_with(buf_done) struct buf signature;
    struct sign_header list[4];
    struct sign_request what;

    *m = (struct made){.r = {.method = S("GET"), .path = S("/2016-08-15/services/s")}};
    m->r.headers = m->headers;
    add(m, "Date", FC_DATE);
    add(m, "X-Fc-Security-Token", k->token);
    what = as_signed(m, list);
    buf_init(&signature, 64);
    assert_int_equal(
            sign_fc_compute(&what, m->r.path, false, str_of(k->secret_key), &signature, NULL), 0);
    (void)snprintf(m->authorization, sizeof(m->authorization), "FC %s:%s", k->access_key,
                   signature.p);
    add(m, "Authorization", m->authorization);
}

static enum auth_failure both_sdk(const struct made *m, int64_t now_ms, struct auth_caller *caller)
{
    enum auth_failure why = auth_sdk_head(keys, &m->r, now_ms, caller, NULL);

    return why == AUTH_OK ? auth_sdk_body(keys, &m->r, NULL) : why;
}

static enum auth_failure both_fc(const struct made *m, int64_t now_ms, struct auth_caller *caller)
{
    enum auth_failure why = auth_fc_head(keys, &m->r, now_ms, caller, NULL);

    return why == AUTH_OK ? auth_fc_body(keys, &m->r, NULL) : why;
}

static void all_forms_are_accepted_and_name_the_function(void **state)
{
    struct role_keys k = issue(sdk_ms);
    struct auth_caller caller;
    struct made m;

    (void)state;
    sdk(&m, &k, NULL);
    assert_int_equal(both_sdk(&m, sdk_ms, &caller), AUTH_OK);
    assert_string_equal(caller.function, FUNCTION);
    sdk(&m, &k, "20261121/local-1/functiongraph");
    assert_int_equal(both_sdk(&m, sdk_ms, &caller), AUTH_OK);
    assert_string_equal(caller.function, FUNCTION);
    fc(&m, &k);
    assert_int_equal(both_fc(&m, fc_ms, &caller), AUTH_OK);
    assert_string_equal(caller.function, FUNCTION);
}

static void an_expired_token_says_so(void **state)
{
    struct role_keys live = issue(sdk_ms - ROLE_LIFE_MS), old = issue(fc_ms - ROLE_LIFE_MS);
    struct role_keys dead = issue(sdk_ms - ROLE_LIFE_MS - ROLE_STEP_MS);
    struct auth_caller caller;
    struct made m;

    (void)state;
    sdk(&m, &live, NULL);
    assert_int_equal(both_sdk(&m, sdk_ms, &caller), AUTH_OK);
    sdk(&m, &dead, NULL);
    assert_int_equal(both_sdk(&m, sdk_ms, &caller), AUTH_EXPIRED);
    fc(&m, &old);
    assert_int_equal(both_fc(&m, fc_ms, &caller), AUTH_OK);
    fc(&m, &dead);
    assert_int_equal(both_fc(&m, fc_ms, &caller), AUTH_EXPIRED);
}

static void key_token_and_secret_belong_together(void **state)
{
    struct role_keys now = issue(sdk_ms), later = issue(sdk_ms + 2 * ROLE_STEP_MS);
    struct role_keys mixed;
    struct auth_caller caller;
    struct made m;

    (void)state;
    mixed = now;
    memcpy(mixed.token, later.token, sizeof(mixed.token));
    sdk(&m, &mixed, NULL);
    assert_int_equal(both_sdk(&m, sdk_ms, &caller), AUTH_BAD_TOKEN);
    fc(&m, &mixed);
    assert_int_equal(both_fc(&m, fc_ms, &caller), AUTH_BAD_TOKEN);

    mixed = now;
    memcpy(mixed.secret_key, later.secret_key, sizeof(mixed.secret_key));
    sdk(&m, &mixed, NULL);
    assert_int_equal(both_sdk(&m, sdk_ms, &caller), AUTH_MISMATCH);
    fc(&m, &mixed);
    assert_int_equal(both_fc(&m, fc_ms, &caller), AUTH_MISMATCH);
}

static void a_key_of_a_role_without_its_token_is_unknown(void **state)
{
    struct role_keys k = issue(sdk_ms);
    struct auth_caller caller;
    struct made m;

    (void)state;
    sdk(&m, &k, NULL);
    m.headers[2].value = S("");
    assert_int_equal(both_sdk(&m, sdk_ms, &caller), AUTH_UNKNOWN_KEY);
    fc(&m, &k);
    m.headers[1].name = S("X-Other");
    assert_int_equal(both_fc(&m, fc_ms, &caller), AUTH_UNKNOWN_KEY);
}

/* A client may send an old token along with a key of the installation. */
static void a_key_of_the_installation_needs_no_token(void **state)
{
    struct role_keys k = issue(sdk_ms);
    struct auth_caller caller;
    struct made m;

    (void)state;
    memcpy(k.access_key, "AK", 3);
    memcpy(k.secret_key, "secret", 7);
    sdk(&m, &k, NULL);
    assert_int_equal(both_sdk(&m, sdk_ms, &caller), AUTH_OK);
    assert_string_equal(caller.function, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(all_forms_are_accepted_and_name_the_function),
            cmocka_unit_test(an_expired_token_says_so),
            cmocka_unit_test(key_token_and_secret_belong_together),
            cmocka_unit_test(a_key_of_a_role_without_its_token_is_unknown),
            cmocka_unit_test(a_key_of_the_installation_needs_no_token),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
