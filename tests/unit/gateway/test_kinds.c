/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every field of every kind is tried at its limits and one beyond, by the table itself: a complete
 * object of each kind, in which one field at a time is replaced. What the table says is checked
 * against literal limits for the fields that the documents name (limits_are_those_of_the_documents).
 */
#include "gateway/plane/kinds.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/obj.h"
#include "t.h"

#define URN "urn:fss:local-1:proj:function:default:hello"

/* Objects that are right, with as many fields as go together. */
static const struct {
    const char *kind, *body;
} whole[] = {
        {"group", "{\"name\":\"shop\",\"remark\":\"r\"}"},
        {"env", "{\"name\":\"test\",\"remark\":\"r\"}"},
        {"variable", "{\"group_id\":\"g\",\"env_id\":\"e\",\"variable_name\":\"host\","
                     "\"variable_value\":\"a.b:80\"}"},
        {"authorizer",
         "{\"name\":\"auth\",\"type\":\"FRONTEND\",\"authorizer_type\":\"FUNC\","
         "\"authorizer_uri\":\"" URN "\",\"network_type\":\"V1\",\"authorizer_version\":\"latest\","
         "\"authorizer_alias_uri\":\"\",\"identities\":[{\"name\":\"X-Token\",\"location\":"
         "\"HEADER\",\"validation\":\"a+\"}],\"ttl\":60,\"user_data\":\"u\",\"need_body\":true}"},
        {"api",
         "{\"group_id\":\"g\",\"name\":\"hello\",\"type\":1,\"req_protocol\":\"HTTPS\","
         "\"req_method\":\"GET\",\"req_uri\":\"/a/{p}\",\"match_mode\":\"NORMAL\","
         "\"auth_type\":\"NONE\",\"authorizer_id\":\"\",\"auth_opt\":{\"app_code_auth_type\":"
         "\"DISABLE\"},\"cors\":true,\"backend_type\":\"FUNCTION\",\"func_info\":{\"function_urn\":"
         "\"" URN "\",\"invocation_type\":\"sync\",\"network_type\":\"V2\",\"version\":\"1\","
         "\"alias_urn\":\"\",\"timeout\":5000,\"authorizer_id\":\"\",\"req_protocol\":\"HTTPS\","
         "\"remark\":\"\"},\"mock_info\":{\"result_content\":\"\",\"status_code\":200,\"version\":"
         "\"\","
         "\"authorizer_id\":\"\",\"remark\":\"\"},\"backend_api\":{\"url_domain\":\"a.b:80\","
         "\"req_protocol\":\"HTTP\",\"req_method\":\"ANY\",\"req_uri\":\"/\",\"timeout\":1,"
         "\"retry_count\":\"-1\",\"enable_client_ssl\":false,\"vpc_channel_status\":2,"
         "\"authorizer_id\":\"\",\"version\":\"\",\"remark\":\"\"},"
         "\"req_params\":[{\"name\":\"p\",\"type\":\"STRING\",\"location\":\"PATH\",\"required\":1,"
         "\"default_value\":\"\",\"valid_enable\":1,\"enumerations\":\"\",\"min_num\":0,\"max_"
         "num\":9,"
         "\"min_size\":0,\"max_size\":9,\"pass_through\":1,\"remark\":\"\"}],"
         "\"backend_params\":[{\"origin\":\"CONSTANT\",\"name\":\"q\",\"location\":\"QUERY\","
         "\"value\":\"1\",\"remark\":\"\"}],"
         "\"policy_functions\":[{\"name\":\"pol\",\"effect_mode\":\"ALL\",\"conditions\":[{"
         "\"condition_origin\":\"source\",\"condition_type\":\"exact\",\"condition_value\":\"1.1.1."
         "1\","
         "\"req_param_name\":\"\",\"sys_param_name\":\"\",\"cookie_param_name\":\"\","
         "\"frontend_authorizer_param_name\":\"\"}],\"backend_params\":[],\"function_urn\":\"" URN
         "\",\"invocation_type\":\"async\",\"timeout\":1,\"network_type\":\"V1\"}],"
         "\"policy_mocks\":[],\"policy_https\":[],\"version\":\"\",\"remark\":\"\","
         "\"body_remark\":\"\",\"result_normal_sample\":\"\",\"result_failure_sample\":\"\","
         "\"tags\":[\"a-b\"],\"response_id\":\"\",\"content_type\":\"application/json\","
         "\"is_send_fg_body_base64\":true}"},
        {"release", "{\"env_id\":\"e\",\"version_id\":\"v\",\"publish_id\":\"p\"}"},
        {"response", "{\"name\":\"mine\",\"responses\":{\"THROTTLED\":{\"status\":420,\"body\":"
                     "\"slow\",\"headers\":[{\"key\":\"X-A\",\"value\":\"b\"}]}}}"},
        {"throttle", "{\"name\":\"slow\",\"api_call_limits\":2147483647,\"app_call_limits\":1,"
                     "\"user_call_limits\":2147483647,\"ip_call_limits\":3,\"time_interval\":1,"
                     "\"time_unit\":\"SECOND\",\"type\":1,\"remark\":\"\"}"},
        {"throttle_bind", "{\"publish_id\":\"p\",\"api_id\":\"a\",\"env_id\":\"e\"}"},
        {"app", "{\"name\":\"app\",\"remark\":\"\",\"app_key\":\"abcdefgh\",\"app_secret\":"
                "\"abcdefgh\"}"},
        {"app_code",
         "{\"app_code\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "\"}"},
        {"app_auth", "{\"api_id\":\"a\",\"env_id\":\"e\"}"},
        {"domain", "{\"url_domain\":\"api.example.com\",\"min_ssl_version\":\"TLSv1.2\","
                   "\"is_http_redirect_to_https\":false}"},
        {"fc_domain", "{\"protocol\":\"HTTP\"}"},
};

static struct cJSON *body_of(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (strcmp(whole[i].kind, kind) == 0)
            return json_parse(str_of(whole[i].body), NULL);
    return NULL;
}

static int check(const char *kind, const struct cJSON *body, const char **ret_path, struct err *e)
{
    *e = (struct err){0};
    return gw_check(gw_kind_of(str_of(kind)), body, ret_path, e);
}

static void a_whole_object_of_each_kind_is_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        struct cJSON *body = body_of(whole[i].kind);
        const char *path;
        struct err e;

        assert_non_null(body);
        t_ok(check(whole[i].kind, body, &path, &e), &e);
        assert_string_equal(path, "");
        json_free(body);
    }
}

/* ---- each field, at and beyond its limits ---- */

struct spot {
    const char *kind;
    struct cJSON *root;   /* the whole body */
    struct cJSON *object; /* in which the field stands */
    char path[192];
    size_t tried;
};

static void expect(struct spot *s, const struct gw_field *f, struct cJSON *value, bool fine)
{
    struct cJSON *before = cJSON_DetachItemFromObjectCaseSensitive(s->object, f->key);
    const char *path;
    struct err e;
    char want[256];
    int r;

    if (value)
        cJSON_AddItemToObject(s->object, f->key, value);
    r = check(s->kind, s->root, &path, &e);
    (void)snprintf(want, sizeof(want), "%s%s%s", s->path, s->path[0] ? "." : "", f->key);
    if (!fine) {
        assert_int_equal(r, -EINVAL);
        assert_string_equal(path, want);
        assert_int_equal(strncmp(e.msg, want, strlen(want)), 0);
    } else if (r < 0) { /* a rule between fields may still object, but not to this one's own form */
        assert_null(strstr(e.msg, "must have"));
        assert_null(strstr(e.msg, "must be between"));
        assert_null(strstr(e.msg, "must be text"));
    }
    cJSON_DeleteItemFromObjectCaseSensitive(s->object, f->key);
    if (before)
        cJSON_AddItemToObject(s->object, f->key, before);
    s->tried++;
}

static struct cJSON *letters(int64_t n)
{
    char *text = xcalloc((size_t)n + 1, 1);
    struct cJSON *value;

    memset(text, 'a', (size_t)n);
    value = cJSON_CreateString(text);
    free(text);
    return value;
}

static void try_text(struct spot *s, const struct gw_field *f)
{
    expect(s, f, cJSON_CreateNumber(1), false);
    if (f->values) {
        for (const char *const *v = f->values; *v; v++)
            expect(s, f, cJSON_CreateString(*v), true);
        expect(s, f, cJSON_CreateString("NOT_A_WORD"), false);
        return;
    }
    if (f->min > 0)
        expect(s, f, letters(f->min - 1), false);
    expect(s, f, letters(f->max + 1), false);
    if (!f->rule || f->rule(S("aaaa"))) {
        expect(s, f, letters(f->min), true);
        expect(s, f, letters(f->max), true);
    }
    if (f->rule && f->min <= 3)
        expect(s, f, cJSON_CreateString(f->max < 3 ? "\x01\x02" : "\x01\x02\x03"), false);
}

static void try_whole(struct spot *s, const struct gw_field *f)
{
    expect(s, f, cJSON_CreateString("1"), false);
    expect(s, f, cJSON_CreateNumber((double)f->min - 1), false);
    expect(s, f, cJSON_CreateNumber((double)f->max + 1), false);
    expect(s, f, cJSON_CreateNumber((double)f->min), true);
    expect(s, f, cJSON_CreateNumber((double)f->max), true);
    expect(s, f, cJSON_CreateNumber((double)f->min + 0.5), false);
}

static struct cJSON *list_of(const struct cJSON *one, int64_t n)
{
    struct cJSON *list = cJSON_CreateArray();

    while (n-- > 0)
        cJSON_AddItemToArray(list, cJSON_Duplicate(one, true));
    return list;
}

static void try_object(struct spot *s, const struct gw_field *fields, uint32_t n);

static void enter(struct spot *s, struct cJSON *object, const struct gw_field *f, const char *key)
{
    struct spot inner = {.kind = s->kind, .root = s->root, .object = object};

    (void)snprintf(inner.path, sizeof(inner.path), "%.90s%s%.64s%s", s->path, s->path[0] ? "." : "",
                   f->key, key);
    try_object(&inner, f->fields, f->nfields);
    s->tried += inner.tried;
}

static void try_list(struct spot *s, const struct gw_field *f)
{
    struct cJSON *have = cJSON_GetObjectItemCaseSensitive(s->object, f->key);
    struct cJSON *first = have ? have->child : NULL;

    expect(s, f, cJSON_CreateString("x"), false);
    if (!first)
        return;
    expect(s, f, list_of(first, f->max + 1), false);
    if (f->min > 0)
        expect(s, f, cJSON_CreateArray(), false);
    expect(s, f, list_of(first, f->max), true);
    have = cJSON_GetObjectItemCaseSensitive(s->object, f->key);
    if (f->fields)
        enter(s, have->child, f, "[0]");
}

static void try_field(struct spot *s, const struct gw_field *f)
{
    struct cJSON *have = cJSON_GetObjectItemCaseSensitive(s->object, f->key);

    if (f->required) {
        expect(s, f, NULL, false);
        expect(s, f, cJSON_CreateNull(), false);
    }
    switch (f->type) {
    case GW_TEXT:
        try_text(s, f);
        return;
    case GW_WHOLE:
        try_whole(s, f);
        return;
    case GW_BOOL:
        expect(s, f, cJSON_CreateString("true"), false);
        expect(s, f, cJSON_CreateNumber(1), false);
        expect(s, f, cJSON_CreateTrue(), true);
        return;
    case GW_LIST:
        try_list(s, f);
        return;
    case GW_OBJECT:
        expect(s, f, cJSON_CreateArray(), false);
        have = cJSON_GetObjectItemCaseSensitive(s->object, f->key);
        if (have)
            enter(s, have, f, "");
        return;
    case GW_MAP:
        expect(s, f, cJSON_CreateArray(), false);
        have = cJSON_GetObjectItemCaseSensitive(s->object, f->key);
        enter(s, have->child, f, ".THROTTLED");
        return;
    }
}

static void try_object(struct spot *s, const struct gw_field *fields, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        try_field(s, &fields[i]);
}

static void each_field_is_tried_at_its_limits_and_one_beyond(void **state)
{
    size_t tried = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(whole); i++) {
        const struct gw_kind *kind = gw_kind_of(str_of(whole[i].kind));
        struct spot s = {.kind = whole[i].kind, .root = body_of(whole[i].kind)};

        s.object = s.root;
        try_object(&s, kind->fields, kind->nfields);
        tried += s.tried;
        json_free(s.root);
    }
    assert_true(tried > 500);
}

static const struct gw_field *field_at(const char *kind, const char *path)
{
    const struct gw_kind *k = gw_kind_of(str_of(kind));
    const struct gw_field *fields = k->fields, *found = NULL;
    struct str rest = str_of(path);
    uint32_t n = k->nfields;

    while (rest.p) {
        struct str key = str_cut(&rest, '.');

        found = NULL;
        for (uint32_t i = 0; i < n; i++)
            if (str_eq(str_of(fields[i].key), key))
                found = &fields[i];
        assert_non_null(found);
        fields = found->fields;
        n = found->nfields;
    }
    return found;
}

static void limits_are_those_of_the_documents(void **state)
{
    /* CreateApiV2 (2024-11-11), CreateCustomAuthorizerV2 (2025-12-26), huaweicloudsdkapig 3.1.219 */
    static const struct {
        const char *kind, *path;
        int64_t min, max;
        bool required;
    } said[] = {
            {"group", "name", 3, 255, true},
            {"api", "name", 3, 255, true},
            {"api", "req_uri", 1, 512, true},
            {"api", "type", 1, 2, true},
            {"api", "version", 0, 16, false},
            {"api", "remark", 0, 255, false},
            {"api", "tags", 0, 10, false},
            {"api", "req_params", 0, 50, false},
            {"api", "req_params.name", 1, 32, true},
            {"api", "backend_params.value", 1, 255, true},
            {"api", "func_info.timeout", 1, 600000, true},
            {"api", "policy_functions", 0, 5, false},
            {"authorizer", "name", 3, 64, true},
            {"authorizer", "ttl", 0, 3600, false},
            {"variable", "variable_name", 3, 32, true},
            {"variable", "variable_value", 1, 255, true},
            {"throttle", "api_call_limits", 1, 2147483647, true},
            {"app", "app_key", 8, 200, false},
            {"app", "app_secret", 8, 128, false},
            {"app_code", "app_code", 64, 180, true},
            {"response", "responses.headers", 0, 10, false},
            {"response", "responses.status", 200, 599, false},
            {"response", "responses.headers.value", 1, 1024, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        const struct gw_field *f = field_at(said[i].kind, said[i].path);

        assert_int_equal(f->min, said[i].min);
        assert_int_equal(f->max, said[i].max);
        assert_int_equal(f->required, said[i].required);
    }
}

/* ---- alphabets ---- */

static void names_have_their_alphabets(void **state)
{
    static const struct {
        const char *kind, *path, *text;
        bool fine;
    } cases[] = {
            {"group", "name", "a-_./:()", true},
            {"group", "name", "1ab", true},
            {"group", "name", "-ab", false},
            {"group", "name", "a b", false},
            {"group", "name", "\xe5\xba\x97\xe5\xba\x97\xe5\xba\x97", true}, /* three ideographs */
            {"group", "name", "\xe5\xba\x97\xe5\xba\x97", false},            /* two */
            {"group", "name", "a\xef\xbc\x88\xef\xbc\x89", true},            /* full-width () */
            {"group", "name", "caf\xc3\xa9", false},
            {"authorizer", "name", "Auth_1", true},
            {"authorizer", "name", "1auth", false},
            {"authorizer", "name", "a-b", false},
            {"env", "name", "pre_prod1", true},
            {"env", "name", "pre-prod", false},
            {"env", "name", "\xe5\xba\x97\xe5\xba\x97\xe5\xba\x97", false},
            {"env", "name", "RELEASE", false},
            {"env", "name", "Release", false},
            {"variable", "variable_name", "a-b_c", true},
            {"variable", "variable_name", "1bc", false},
            {"variable", "variable_value", "a_b-/.:", true},
            {"variable", "variable_value", "a b", false},
            {"api", "req_params.name", "a-_.9", true},
            {"api", "req_params.name", "x-apig-a", false},
            {"api", "req_params.name", "X-Sdk-a", false},
            {"api", "req_params.name", "X-Stage", false},
            {"api", "req_params.name", "x-stages", true},
            {"api", "req_params.name", "9a", false},
            {"api", "tags", NULL, true},
            {"response", "name", "a-b_1", true},
            {"response", "name", "a.b", false},
            {"response", "responses.headers.key", "X-A", true},
            {"response", "responses.headers.key", "X_A", false},
            {"response", "responses.headers.value", "a b\tc", true},
            {"response", "responses.headers.value", "a\r\nb", false},
            {"app", "app_key", "a_-bcdefg", true},
            {"app", "app_key", "-abcdefgh", false},
            {"app", "app_secret", "a_-!@#$%", true},
            {"app", "app_secret", "a_-!@#$^", false},
            {"domain", "url_domain", "a-b.example.com", true},
            {"domain", "url_domain", "*.example.com", true},
            {"domain", "url_domain", "a.*.example.com", false},
            {"domain", "url_domain", "localhost", false},
            {"domain", "url_domain", "127.0.0.1", false},
            {"domain", "url_domain", "a..com", false},
            {"domain", "url_domain", "a.com.", false},
            {"domain", "url_domain", "-a.com", false},
            {"api", "backend_api.retry_count", "-1", true},
            {"api", "backend_api.retry_count", "10", true},
            {"api", "backend_api.retry_count", "11", false},
            {"api", "backend_api.retry_count", "-2", false},
            {"api", "backend_api.url_domain", "#host#:80", true},
            {"api", "backend_api.url_domain", "http://a", false},
            {"api", "backend_api.req_uri", "/a/{b}", true},
            {"api", "backend_api.req_uri", "a", false},
            {"api", "backend_api.req_uri", "/a?b=c", false},
            {"api", "backend_api.req_uri", "/{a", false},
            {"authorizer", "authorizer_uri", "functiongraph/p/r/default/f", true},
            {"authorizer", "authorizer_uri", "urn:fss:r:p:function:default", false},
            {"authorizer", "authorizer_uri", "somewhere", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct gw_field *f = field_at(cases[i].kind, cases[i].path);
        struct str text = str_of(cases[i].text ? cases[i].text : "a");
        size_t n = 0;
        bool fine;

        for (size_t at = 0; at < text.n; at++)
            n += ((uint8_t)text.p[at] & 0xc0) != 0x80;
        fine = (int64_t)n >= f->min && f->rule(text);
        if (strcmp(cases[i].kind, "env") == 0) { /* RELEASE is a rule between objects */
            struct cJSON *body = cJSON_CreateObject();
            const char *path;
            struct err e;

            cJSON_AddStringToObject(body, "name", cases[i].text);
            fine = check("env", body, &path, &e) == 0;
            json_free(body);
        }
        if (fine != cases[i].fine)
            fail_msg("%s.%s '%s'", cases[i].kind, cases[i].path, cases[i].text);
    }
}

/* ---- what the fields say about each other ---- */

/* `with` is laid over the whole object: {"a":{"b":1}} changes b in a; null removes. */
static void lay_over(struct cJSON *to, const struct cJSON *with)
{
    const struct cJSON *item;

    cJSON_ArrayForEach(item, with)
    {
        struct cJSON *have = cJSON_GetObjectItemCaseSensitive(to, item->string);

        if (cJSON_IsObject(item) && cJSON_IsObject(have)) {
            lay_over(have, item);
            continue;
        }
        cJSON_DeleteItemFromObjectCaseSensitive(to, item->string);
        if (!cJSON_IsNull(item))
            cJSON_AddItemToObject(to, item->string, cJSON_Duplicate(item, true));
    }
}

static void fields_are_checked_against_each_other(void **state)
{
#define PARAM_AT(...)                                                                              \
    "{\"req_uri\":\"/{p}\",\"req_params\":[{\"name\":\"p\",\"type\":\"STRING\",\"location\":"      \
    "\"PATH\"}," __VA_ARGS__ "]}"
#define OUT_AT(...) "{\"backend_params\":[" __VA_ARGS__ "]}"
    static const struct {
        const char *kind, *with, *path; /* path NULL: fine */
    } cases[] = {
            {"authorizer", "{\"identities\":null}", "identities"},
            {"authorizer", "{\"identities\":[]}", "identities"},
            {"authorizer", "{\"identities\":null,\"ttl\":0}", NULL},
            {"authorizer", "{\"identities\":null,\"ttl\":null}", NULL},
            {"authorizer", "{\"identities\":[{\"name\":\"a\",\"location\":\"PATH\"}]}",
             "identities[0].location"},
            {"api", "{\"auth_type\":\"AUTHORIZER\"}", "authorizer_id"},
            {"api", "{\"auth_type\":\"AUTHORIZER\",\"authorizer_id\":\"x\"}", NULL},
            {"api", "{\"func_info\":null}", "func_info"},
            {"api", "{\"backend_type\":\"MOCK\",\"func_info\":null}", NULL},
            {"api", "{\"backend_type\":\"MOCK\",\"mock_info\":null}", "mock_info"},
            {"api", "{\"backend_type\":\"HTTP\",\"backend_api\":null}", "backend_api"},
            {"api", "{\"backend_type\":\"HTTP\"}", NULL},
            {"api", "{\"backend_type\":\"HTTP\",\"backend_api\":{\"url_domain\":null}}",
             "backend_api.url_domain"},
            {"api", "{\"backend_type\":\"HTTP\",\"backend_api\":{\"vpc_channel_status\":1}}",
             "backend_api.vpc_channel_status"},
            {"api", "{\"backend_type\":\"GRPC\"}", "backend_type"},
            {"api", "{\"req_protocol\":\"GRPCS\"}", "req_protocol"},
            {"api", "{\"func_info\":{\"timeout\":600000}}", NULL},
            {"api", "{\"func_info\":{\"timeout\":60000,\"network_type\":\"V1\"}}", NULL},
            {"api", "{\"func_info\":{\"timeout\":60001,\"network_type\":\"V1\"}}",
             "func_info.timeout"},
            {"api", "{\"func_info\":{\"timeout\":60001,\"network_type\":null}}",
             "func_info.timeout"},
            {"api", "{\"req_uri\":\"/a/{p}/{p}\"}", "req_uri"},
            {"api", "{\"req_uri\":\"/a/{p+}\"}", NULL},
            {"api", "{\"req_uri\":\"/a\"}", "req_params[0].name"},
            {"api",
             "{\"req_params\":[{\"name\":\"p\",\"type\":\"STRING\",\"location\":\"PATH\","
             "\"required\":2}]}",
             "req_params[0].required"},
            {"api", PARAM_AT("{\"name\":\"p\",\"type\":\"STRING\",\"location\":\"PATH\"}"),
             "req_params[1].name"},
            {"api", PARAM_AT("{\"name\":\"p\",\"type\":\"STRING\",\"location\":\"QUERY\"}"), NULL},
            {"api",
             PARAM_AT("{\"name\":\"a\",\"type\":\"STRING\",\"location\":\"HEADER\"},"
                      "{\"name\":\"A\",\"type\":\"STRING\",\"location\":\"HEADER\"}"),
             "req_params[2].name"},
            {"api",
             PARAM_AT("{\"name\":\"a\",\"type\":\"STRING\",\"location\":\"QUERY\"},"
                      "{\"name\":\"A\",\"type\":\"STRING\",\"location\":\"QUERY\"}"),
             NULL},
            {"api",
             PARAM_AT("{\"name\":\"n\",\"type\":\"NUMBER\",\"location\":\"QUERY\","
                      "\"default_value\":\"x\"}"),
             "req_params[1].default_value"},
            {"api",
             PARAM_AT("{\"name\":\"n\",\"type\":\"NUMBER\",\"location\":\"QUERY\","
                      "\"default_value\":\"-1.5\",\"min_num\":1,\"max_num\":1}"),
             NULL},
            {"api",
             PARAM_AT("{\"name\":\"n\",\"type\":\"NUMBER\",\"location\":\"QUERY\",\"min_num\":2,"
                      "\"max_num\":1}"),
             "req_params[1].min_num"},
            {"api",
             PARAM_AT("{\"name\":\"n\",\"type\":\"STRING\",\"location\":\"QUERY\",\"min_size\":2,"
                      "\"max_size\":1}"),
             "req_params[1].min_size"},
            {"api",
             OUT_AT("{\"origin\":\"REQUEST\",\"name\":\"a\",\"location\":\"QUERY\",\"value\":"
                    "\"p\"}"),
             NULL},
            {"api",
             OUT_AT("{\"origin\":\"REQUEST\",\"name\":\"a\",\"location\":\"QUERY\",\"value\":"
                    "\"q\"}"),
             "backend_params[0].value"},
            {"api",
             OUT_AT("{\"origin\":\"SYSTEM\",\"name\":\"a\",\"location\":\"HEADER\",\"value\":"
                    "\"$context.authorizer.frontend.user\"}"),
             NULL},
            {"api",
             OUT_AT("{\"origin\":\"SYSTEM\",\"name\":\"a\",\"location\":\"HEADER\",\"value\":"
                    "\"x\"}"),
             "backend_params[0].value"},
            {"response", "{\"responses\":{\"NO_SUCH\":{}}}", "responses.NO_SUCH"},
            {"response", "{\"responses\":{\"THROTTLED\":{\"status\":444}}}",
             "responses.THROTTLED.status"},
            {"response", "{\"responses\":{\"THROTTLED\":7}}", "responses.THROTTLED"},
            {"throttle", "{\"api_call_limits\":2}", "user_call_limits"},
            {"throttle", "{\"api_call_limits\":2,\"user_call_limits\":2}", "ip_call_limits"},
            {"throttle", "{\"app_call_limits\":3,\"user_call_limits\":2}", "app_call_limits"},
            {"throttle", "{\"app_call_limits\":2,\"user_call_limits\":2}", NULL},
            {"throttle_bind", "{\"publish_id\":null}", NULL},
            {"throttle_bind", "{\"publish_id\":null,\"api_id\":null}", "publish_id"},
            {"throttle_bind", "{\"publish_id\":null,\"env_id\":null}", "env_id"},
            {"api", "{\"tags\":[\"-a\"]}", "tags[0]"},
            {"api", "{\"tags\":[1]}", "tags[0]"},
            {"api", "{\"something_new\":{\"kept\":true}}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cJSON *body = body_of(cases[i].kind),
                     *with = json_parse(str_of(cases[i].with), NULL);
        const char *path;
        struct err e;
        int r;

        assert_non_null(with);
        lay_over(body, with);
        r = check(cases[i].kind, body, &path, &e);
        if (!cases[i].path && r < 0)
            fail_msg("%s: %s", cases[i].with, e.msg);
        if (cases[i].path && (r != -EINVAL || strcmp(path, cases[i].path) != 0))
            fail_msg("%s: '%s' and not '%s': %s", cases[i].with, path, cases[i].path, e.msg);
        json_free(body);
        json_free(with);
    }
}

static void what_is_no_object_is_refused(void **state)
{
    static const char *const bad[] = {"[]", "1", "\"a\"", "null"};
    const char *path;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cJSON *body = json_parse(str_of(bad[i]), NULL);

        assert_int_equal(check("group", body, &path, &e), -EINVAL);
        assert_string_equal(path, "");
        json_free(body);
    }
    assert_int_equal(gw_check(gw_kind_of(S("group")), NULL, &path, NULL), -EINVAL);
    assert_null(gw_kind_of(S("groups")));
}

static void a_function_is_named_in_two_ways(void **state)
{
    static const struct {
        const char *text;
        int r;
        enum dialect dialect;
        const char *account, *region, *space, *name, *qualifier;
    } cases[] = {
            {URN, 0, DIALECT_FUNCTIONGRAPH, "proj", "local-1", "default", "hello", ""},
            {URN ":latest", 0, DIALECT_FUNCTIONGRAPH, "proj", "local-1", "default", "hello",
             "latest"},
            {"scf/1/ap/ns/f", 0, DIALECT_SCF, "1", "ap", "ns", "f", ""},
            {"fc/1/ap/s%2Ft/f:prod", 0, DIALECT_FC, "1", "ap", "s/t", "f", "prod"},
            {"fc/1/ap/s", -EINVAL},
            {"fc/1/ap/s/f/g", -EINVAL},
            {"fc//ap/s/f", -EINVAL},
            {"aws/1/ap/s/f", -EINVAL},
            {"fc/1/ap/%zz/f", -EINVAL},
            {"urn:fss:r:p:function:default:", -EINVAL},
            {"urn:fss:r:p:functions:default:f", -EINVAL},
            {"urn:oss:r:p:function:default:f", -EINVAL},
            {"", -EINVAL},
    };
    char longest[1026];
    struct gw_function f;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(gw_function_of(str_of(cases[i].text), &f), cases[i].r);
        if (cases[i].r < 0)
            continue;
        assert_int_equal(f.key.dialect, cases[i].dialect);
        t_str(f.key.account, str_of(cases[i].account));
        t_str(f.key.region, str_of(cases[i].region));
        t_str(f.key.space, str_of(cases[i].space));
        t_str(f.key.name, str_of(cases[i].name));
        t_str(f.qualifier, str_of(cases[i].qualifier));
    }
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    memcpy(longest, URN ":", sizeof(URN));
    longest[1023] = '\0';
    assert_int_equal(gw_function_of(str_of(longest), &f), 0);
    longest[1023] = 'a';
    longest[1024] = '\0';
    assert_int_equal(gw_function_of(str_of(longest), &f), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_whole_object_of_each_kind_is_right),
            cmocka_unit_test(each_field_is_tried_at_its_limits_and_one_beyond),
            cmocka_unit_test(limits_are_those_of_the_documents),
            cmocka_unit_test(names_have_their_alphabets),
            cmocka_unit_test(fields_are_checked_against_each_other),
            cmocka_unit_test(what_is_no_object_is_refused),
            cmocka_unit_test(a_function_is_named_in_two_ways),
    };
    return T_RUN(tests);
}
