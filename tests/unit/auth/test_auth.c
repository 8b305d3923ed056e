/* SPDX-License-Identifier: Apache-2.0 */
/* Who may call: both schemes, at the limit of the clock and past it, and with one thing changed. */
#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/crypto.h"
#include "base/io.h"
#include "base/uri.h"
#include "http/server.h"
#include "sign/sign.h"

#define SDK_DATE "20261121T204758Z"
#define FC_DATE  "Sat, 21 Nov 2026 20:50:18 GMT"
#define SIGNED   "host;x-sdk-date"

enum { MAX_HEADERS = 8 };

static const int64_t sdk_ms = 1795294078000, fc_ms = 1795294218000;
static struct keys *keys;

/* A request under construction. */
struct made {
    struct h1_header headers[MAX_HEADERS];
    struct http_request r;
    struct buf authorization;
};

static void add(struct made *m, const char *name, const char *value)
{
    m->headers[m->r.nheaders++] = (struct h1_header){str_of(name), str_of(value)};
}

static void begin(struct made *m, const char *method, const char *path, const char *body)
{
    *m = (struct made){.r = {.method = str_of(method), .path = str_of(path), .body = str_of(body)}};
    m->r.headers = m->headers;
    buf_init(&m->authorization, 1024);
}

static struct sign_request as_signed(const struct made *m, struct sign_header *list)
{
    for (uint32_t i = 0; i < m->r.nheaders; i++)
        list[i] = (struct sign_header){m->headers[i].name, m->headers[i].value};
    return (struct sign_request){.method = m->r.method,
                                 .path = m->r.path,
                                 .query = m->r.query,
                                 .headers = list,
                                 .nheaders = m->r.nheaders,
                                 .body = m->r.body};
}

static void sdk_sign(struct made *m, const char *body_signed)
{
    struct sign_header list[MAX_HEADERS];
    struct sign_request what = as_signed(m, list);
    char signature[65];

    what.body = str_of(body_signed);
    assert_int_equal(sign_sdk_compute(&what, S(SIGNED), S(SDK_DATE), S("secret"), signature, NULL),
                     0);
    buf_addf(&m->authorization, "SDK-HMAC-SHA256 Access=AK, SignedHeaders=" SIGNED ", Signature=%s",
             signature);
    add(m, "Authorization", m->authorization.p);
}

static void sdk_request(struct made *m, const char *method, const char *body)
{
    begin(m, method, "/v2/p/fgs/functions", body);
    add(m, "Host", "127.0.0.1:8900");
    add(m, "X-Sdk-Date", SDK_DATE);
}

static void fc_sign(struct made *m, const char *path_signed)
{
    struct sign_header list[MAX_HEADERS];
    struct sign_request what = as_signed(m, list);
    bool proxy = strstr(path_signed, "/proxy/") != NULL;

    buf_addz(&m->authorization, "FC AK:");
    assert_int_equal(sign_fc_compute(&what, str_of(path_signed), proxy, S("secret"),
                                     &m->authorization, NULL),
                     0);
    add(m, "Authorization", m->authorization.p);
}

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

static enum auth_failure sdk_head(struct made *m, int64_t now_ms)
{
    struct auth_caller caller = {.function = "?"};
    enum auth_failure why = auth_sdk_head(keys, &m->r, now_ms, &caller, NULL);

    assert_string_equal(caller.function, why == AUTH_OK ? "" : "?");
    return why;
}

static enum auth_failure fc_head(struct made *m, int64_t now_ms)
{
    struct auth_caller caller = {.function = "?"};
    enum auth_failure why = auth_fc_head(keys, &m->r, now_ms, &caller, NULL);

    assert_string_equal(caller.function, why == AUTH_OK ? "" : "?");
    return why;
}

static void the_clock_may_differ_by_15_minutes_and_no_more(void **state)
{
    static const int64_t skew = AUTH_SKEW_MS;
    struct auth_caller caller;
    struct err e = {0};
    struct made m;

    (void)state;
    sdk_request(&m, "GET", "");
    sdk_sign(&m, "");
    assert_int_equal(sdk_head(&m, sdk_ms), AUTH_OK);
    assert_int_equal(sdk_head(&m, sdk_ms + skew), AUTH_OK);
    assert_int_equal(sdk_head(&m, sdk_ms - skew), AUTH_OK);
    assert_int_equal(sdk_head(&m, sdk_ms + skew + 1), AUTH_STALE);
    assert_int_equal(sdk_head(&m, sdk_ms + skew + 1000), AUTH_STALE);
    assert_int_equal(sdk_head(&m, sdk_ms - skew - 1), AUTH_STALE);
    assert_int_equal(auth_sdk_head(keys, &m.r, sdk_ms + 1020000, &caller, &e), AUTH_STALE);
    t_has(e.msg, "2026-11-21T20:47:58Z");
    t_has(e.msg, "2026-11-21T21:04:58Z");
    t_has(e.msg, "the client is 1020 s behind");
    buf_done(&m.authorization);

    begin(&m, "GET", "/2016-08-15/services", "");
    add(&m, "Date", FC_DATE);
    fc_sign(&m, "/2016-08-15/services");
    assert_int_equal(fc_head(&m, fc_ms), AUTH_OK);
    assert_int_equal(fc_head(&m, fc_ms + skew), AUTH_OK);
    assert_int_equal(fc_head(&m, fc_ms - skew), AUTH_OK);
    assert_int_equal(fc_head(&m, fc_ms + skew + 1), AUTH_STALE);
    assert_int_equal(fc_head(&m, fc_ms - skew - 1), AUTH_STALE);
    buf_done(&m.authorization);
}

#define TC3_CREDENTIAL                                                                             \
    "TC3-HMAC-SHA256 Credential=AK/2026-11-21/scf/tc3_request, "                                   \
    "SignedHeaders=content-type;host, Signature="                                                  \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void tencents_clocks_may_differ_by_5_minutes_and_no_more(void **state)
{
    static const struct {
        int64_t late_ms;
        enum auth_failure why;
    } rows[] = {
            {0, AUTH_OK},       {300000, AUTH_OK},     {300001, AUTH_STALE},  {301000, AUTH_STALE},
            {-300000, AUTH_OK}, {-300001, AUTH_STALE}, {-301000, AUTH_STALE},
    };
    struct auth_caller caller;
    struct made tc3, tc1;

    (void)state;
    begin(&tc3, "POST", "/", "{}");
    add(&tc3, "Host", "scf.tencentcloudapi.com");
    add(&tc3, "Content-Type", "application/json");
    add(&tc3, "X-TC-Timestamp", "1795294078");
    add(&tc3, "Authorization", TC3_CREDENTIAL);
    begin(&tc1, "POST", "/", "SecretId=AK&Timestamp=1795294078&Nonce=1&Signature=x");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t now_ms = sdk_ms + rows[i].late_ms;

        assert_int_equal(auth_tc3_head(keys, &tc3.r, now_ms, &caller, NULL), rows[i].why);
        assert_int_equal(auth_tc1_form(keys, &tc1.r, now_ms, &caller, NULL), rows[i].why);
    }
}

/* The earlier scheme's; what its client's Nonce is there for. */
static void a_form_is_good_once(void **state)
{
    static const char unsigned_form[] = "Nonce=7&SecretId=AK&Timestamp=1795294078";
    struct buf form, signature;
    struct err e = {0};
    struct made m;

    (void)state;
    buf_init(&form, 1024);
    buf_init(&signature, 256);
    assert_int_equal(sign_tc1_expect(S("POST"), S("h"), str_of(unsigned_form), false, false,
                                     S("secret"), &signature, NULL),
                     0);
    buf_addf(&form, "%s&Signature=", unsigned_form);
    uri_encode(buf_str(&signature), "", &form);
    begin(&m, "POST", "/", form.p);
    m.r.host = S("h");
    assert_int_equal(auth_tc1_body(keys, &m.r, &e), AUTH_OK);
    assert_int_equal(auth_tc1_body(keys, &m.r, &e), AUTH_STALE);
    assert_int_equal(e.code, -EALREADY);
    buf_done(&form);
    buf_done(&signature);
}

static void a_missing_header_is_named(void **state)
{
    struct err e = {0};
    struct auth_caller caller;
    struct made m;

    (void)state;
    sdk_request(&m, "GET", "");
    assert_int_equal(auth_sdk_head(keys, &m.r, sdk_ms, &caller, &e), AUTH_MISSING);
    t_has(e.msg, "Authorization");
    begin(&m, "GET", "/", "");
    add(&m, "Authorization", "SDK-HMAC-SHA256 x");
    assert_int_equal(auth_sdk_head(keys, &m.r, sdk_ms, &caller, &e), AUTH_MISSING);
    t_has(e.msg, "X-Sdk-Date");
    begin(&m, "GET", "/", "");
    add(&m, "Authorization", "FC a:b");
    assert_int_equal(auth_fc_head(keys, &m.r, fc_ms, &caller, &e), AUTH_MISSING);
    t_has(e.msg, "Date");
    begin(&m, "GET", "/", "");
    add(&m, "Date", FC_DATE);
    assert_int_equal(auth_fc_head(keys, &m.r, fc_ms, &caller, &e), AUTH_MISSING);
    t_has(e.msg, "Authorization");
}

static void malformed_headers_are_told_apart_from_wrong_ones(void **state)
{
    struct made m;

    (void)state;
    sdk_request(&m, "GET", "");
    add(&m, "Authorization", "Basic abc");
    assert_int_equal(sdk_head(&m, sdk_ms), AUTH_MALFORMED);
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MALFORMED);

    begin(&m, "GET", "/", "");
    add(&m, "X-Sdk-Date", "2026-11-21");
    add(&m, "Host", "h");
    sdk_sign(&m, "");
    assert_int_equal(sdk_head(&m, sdk_ms), AUTH_MALFORMED);
    buf_done(&m.authorization);

    begin(&m, "GET", "/", "");
    add(&m, "Date", "today");
    fc_sign(&m, "/");
    assert_int_equal(fc_head(&m, fc_ms), AUTH_MALFORMED);
    buf_done(&m.authorization);
}

static void an_unknown_key_is_not_accepted_by_either_half(void **state)
{
#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    struct made m;

    (void)state;
    sdk_request(&m, "GET", "");
    add(&m, "Authorization",
        "SDK-HMAC-SHA256 Access=AJ, SignedHeaders=" SIGNED ", Signature=" HEX64);
    assert_int_equal(sdk_head(&m, sdk_ms), AUTH_UNKNOWN_KEY);
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_UNKNOWN_KEY);

    begin(&m, "GET", "/", "");
    add(&m, "Date", FC_DATE);
    add(&m, "Authorization", "FC AJ:OjFEPM1jP6g9tGJFmk4H0EWN/ZpFYuJU6XHVCCx7t9o=");
    assert_int_equal(fc_head(&m, fc_ms), AUTH_UNKNOWN_KEY);
    assert_int_equal(auth_fc_body(keys, &m.r, NULL), AUTH_UNKNOWN_KEY);
}

static void the_body_is_part_of_the_signature(void **state)
{
    struct made m;

    (void)state;
    sdk_request(&m, "POST", "{\"a\":1}");
    sdk_sign(&m, "{\"a\":1}");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_OK);
    m.r.body = S("{\"a\":2}");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MISMATCH);
    m.r.body = S("");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MISMATCH);
    buf_done(&m.authorization);
}

static void a_request_without_body_may_be_signed_as_empty_braces(void **state)
{
    struct made m;

    (void)state;
    sdk_request(&m, "DELETE", "");
    sdk_sign(&m, "{}");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_OK);
    m.r.body = S("[]");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MISMATCH);
    buf_done(&m.authorization);

    sdk_request(&m, "DELETE", "");
    sdk_sign(&m, "");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_OK);
    buf_done(&m.authorization);
}

static void a_named_body_hash_must_be_true(void **state)
{
    char hash[SHA256_HEX];
    struct made m;

    (void)state;
    sha256_hex(S("one"), hash);
    sdk_request(&m, "PUT", "one");
    add(&m, "X-Sdk-Content-Sha256", hash);
    sdk_sign(&m, "one");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_OK);
    m.r.body = S("two"); /* the arithmetic alone would not notice */
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MISMATCH);
    buf_done(&m.authorization);

    sdk_request(&m, "PUT", "one");
    add(&m, "X-Sdk-Content-Sha256", "UNSIGNED-PAYLOAD");
    sdk_sign(&m, "");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_OK);
    m.r.body = S("two");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_OK);
    m.headers[2].value = S("unsigned-payload");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MISMATCH);
    buf_done(&m.authorization);
}

static void a_changed_head_does_not_match(void **state)
{
    struct made m;

    (void)state;
    sdk_request(&m, "GET", "");
    sdk_sign(&m, "");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_OK);
    m.r.method = S("PUT");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MISMATCH);
    m.r.method = S("GET");
    m.r.query = S("a=1");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MISMATCH);
    m.r.query = STR_NONE;
    m.headers[0].value = S("127.0.0.1:8901");
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MISMATCH);
    m.r.headers = m.headers + 1, m.r.nheaders--; /* a signed header is gone */
    assert_int_equal(auth_sdk_body(keys, &m.r, NULL), AUTH_MALFORMED);
    buf_done(&m.authorization);
}

static void fc_paths_match_decoded_or_as_written(void **state)
{
    static const struct {
        const char *sent, *signed_as, *query;
        enum auth_failure why;
    } rows[] = {
            {"/2016-08-15/services/a", "/2016-08-15/services/a", "", AUTH_OK},
            {"/2016-08-15/services/a%20b", "/2016-08-15/services/a b", "", AUTH_OK},
            {"/2016-08-15/services/a%20b", "/2016-08-15/services/a%20b", "", AUTH_OK},
            {"/2016-08-15/services/a%20b", "/2016-08-15/services/a%2520b", "", AUTH_MISMATCH},
            {"/2016-08-15/services/a", "/2016-08-15/services/b", "", AUTH_MISMATCH},
            {"/2016-08-15/proxy/s/f/x%20y", "/2016-08-15/proxy/s/f/x y", "b=2&a=1", AUTH_OK},
            {"/2016-08-15/pro%78y/s/f/x", "/2016-08-15/proxy/s/f/x", "a=1", AUTH_OK},
            {"/2016-08-15/services/a%zz", "/2016-08-15/services/a%zz", "", AUTH_MALFORMED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct made m;

        begin(&m, "GET", rows[i].sent, "");
        m.r.query = str_of(rows[i].query);
        add(&m, "Date", FC_DATE);
        fc_sign(&m, rows[i].signed_as);
        assert_int_equal(auth_fc_body(keys, &m.r, NULL), rows[i].why);
        buf_done(&m.authorization);
    }
}

static void what_was_signed_as_query_is_not_taken_as_path(void **state)
{
    static const char *const sent[] = {"/2016-08-15/proxy/s/f/x%0Aa=1",
                                       "/2016-08-15/proxy/s/f/x%0a", "/2016-08-15/proxy/s/f/x%7f"};
    struct made m;

    (void)state;
    for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++) {
        begin(&m, "GET", "/2016-08-15/proxy/s/f/x", "");
        m.r.query = S("a=1");
        add(&m, "Date", FC_DATE);
        fc_sign(&m, "/2016-08-15/proxy/s/f/x");
        m.r.path = str_of(sent[i]);
        m.r.query = STR_NONE;
        assert_int_equal(auth_fc_body(keys, &m.r, NULL), AUTH_MALFORMED);
        buf_done(&m.authorization);
    }
}

static void fc_signs_the_query_of_http_triggers_only(void **state)
{
    struct made m;

    (void)state;
    begin(&m, "GET", "/2016-08-15/proxy/s/f/", "");
    m.r.query = S("a=1");
    add(&m, "Date", FC_DATE);
    fc_sign(&m, "/2016-08-15/proxy/s/f/");
    m.r.query = S("a=2");
    assert_int_equal(auth_fc_body(keys, &m.r, NULL), AUTH_MISMATCH);
    buf_done(&m.authorization);

    begin(&m, "GET", "/2016-08-15/services", "");
    m.r.query = S("a=1");
    add(&m, "X-Fc-Date", FC_DATE);
    fc_sign(&m, "/2016-08-15/services");
    m.r.query = S("a=2");
    assert_int_equal(fc_head(&m, fc_ms), AUTH_OK);
    assert_int_equal(auth_fc_body(keys, &m.r, NULL), AUTH_OK);
    buf_done(&m.authorization);
}

static void basic(struct made *m, const char *pair)
{
    begin(m, "GET", "/metrics", "");
    buf_addz(&m->authorization, "Basic ");
    base64_encode(str_of(pair), &m->authorization);
    add(m, "Authorization", m->authorization.p);
}

static void basic_takes_the_pair_of_a_key_with_the_scope(void **state)
{
    struct key want = {.name = "prometheus", .scope = KEY_METRICS}, made, turned;
    struct key tenant = {.name = "tenant", .scope = KEY_ADMIN, .account = "one"};
    char path[] = "/tmp/evoke-auth-XXXXXX", pair[512];
    struct keys *k = NULL;
    bool created;
    struct made m;
    int dir;

    (void)state;
    assert_non_null(mkdtemp(path));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(keys_open(dir, "AK", "secret", &k, &created, NULL), 0);
    assert_int_equal(keys_add(k, &want, 0, &made, NULL), 0);

#define ASK(text, scope, now_ms)                                                                   \
    ({                                                                                             \
        bool ok_;                                                                                  \
        basic(&m, text);                                                                           \
        ok_ = auth_basic(k, &m.r, scope, now_ms);                                                  \
        buf_done(&m.authorization);                                                                \
        ok_;                                                                                       \
    })
    assert_true(ASK("AK:secret", KEY_METRICS, 0)); /* root may do everything */
    assert_false(ASK("AK:Secret", KEY_METRICS, 0));
    assert_false(ASK("AK:", KEY_METRICS, 0));
    assert_false(ASK("AK", KEY_METRICS, 0));
    assert_false(ASK("", KEY_METRICS, 0));
    (void)snprintf(pair, sizeof(pair), "%s:%s", made.access_key, made.secret_key);
    assert_true(ASK(pair, KEY_METRICS, 0));
    assert_false(ASK(pair, KEY_READ, 0));
    assert_int_equal(keys_rotate(k, str_of(made.access_key), 10, 0, &turned, NULL), 0);
    assert_true(ASK(pair, KEY_METRICS, 9999));
    assert_false(ASK(pair, KEY_METRICS, 10000));
    assert_int_equal(keys_add(k, &tenant, 0, &made, NULL), 0); /* metrics tell of every account */
    (void)snprintf(pair, sizeof(pair), "%s:%s", made.access_key, made.secret_key);
    assert_false(ASK(pair, KEY_METRICS, 0));

    begin(&m, "GET", "/metrics", "");
    assert_false(auth_basic(k, &m.r, KEY_METRICS, 0));
    add(&m, "Authorization", "Bearer x");
    assert_false(auth_basic(k, &m.r, KEY_METRICS, 0));
    keys_free(k);
    (void)close(dir);
    (void)io_remove_tree(AT_FDCWD, path);
}

/* Both secrets of a key are good while the old one lasts; the clock of this machine decides. */
static void a_request_signed_with_the_old_secret_passes_during_its_grace(void **state)
{
    const struct str file = S("{\"version\":1,\"keys\":[{\"access_key\":\"AK\",\"secret_key\":"
                              "\"secret\",\"root\":true}]}");
    char path[] = "/tmp/evoke-auth-XXXXXX";
    struct key turned;
    struct keys *k = NULL;
    bool created;
    struct made m;
    int dir;

    (void)state;
    assert_non_null(mkdtemp(path));
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(io_write_file(dir, "keys.json", file, 0600, NULL), 0);
    assert_int_equal(keys_open(dir, NULL, NULL, &k, &created, NULL), 0);
    sdk_request(&m, "GET", "");
    sdk_sign(&m, "");
    assert_int_equal(auth_sdk_body(k, &m.r, NULL), AUTH_OK);
    assert_int_equal(keys_rotate(k, S("AK"), 3600, clock_wall_ms(), &turned, NULL), 0);
    assert_int_equal(auth_sdk_body(k, &m.r, NULL), AUTH_OK);
    assert_int_equal(keys_rotate(k, S("AK"), 0, clock_wall_ms(), &turned, NULL), 0);
    assert_int_equal(auth_sdk_body(k, &m.r, NULL), AUTH_MISMATCH);
    keys_free(k);

    /* A grace that began long ago is over. */
    assert_int_equal(io_write_file(dir, "keys.json", file, 0600, NULL), 0);
    assert_int_equal(keys_open(dir, NULL, NULL, &k, &created, NULL), 0);
    assert_int_equal(auth_sdk_body(k, &m.r, NULL), AUTH_OK);
    assert_int_equal(keys_rotate(k, S("AK"), 3600, clock_wall_ms() - 3600001, &turned, NULL), 0);
    assert_int_equal(auth_sdk_body(k, &m.r, NULL), AUTH_MISMATCH);
    buf_done(&m.authorization);
    keys_free(k);
    (void)close(dir);
    (void)io_remove_tree(AT_FDCWD, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(the_clock_may_differ_by_15_minutes_and_no_more),
            cmocka_unit_test(tencents_clocks_may_differ_by_5_minutes_and_no_more),
            cmocka_unit_test(a_form_is_good_once),
            cmocka_unit_test(a_missing_header_is_named),
            cmocka_unit_test(malformed_headers_are_told_apart_from_wrong_ones),
            cmocka_unit_test(an_unknown_key_is_not_accepted_by_either_half),
            cmocka_unit_test(the_body_is_part_of_the_signature),
            cmocka_unit_test(a_request_without_body_may_be_signed_as_empty_braces),
            cmocka_unit_test(a_named_body_hash_must_be_true),
            cmocka_unit_test(a_changed_head_does_not_match),
            cmocka_unit_test(fc_paths_match_decoded_or_as_written),
            cmocka_unit_test(what_was_signed_as_query_is_not_taken_as_path),
            cmocka_unit_test(fc_signs_the_query_of_http_triggers_only),
            cmocka_unit_test(basic_takes_the_pair_of_a_key_with_the_scope),
            cmocka_unit_test(a_request_signed_with_the_old_secret_passes_during_its_grace),
    };

    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
