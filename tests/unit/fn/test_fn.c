/* SPDX-License-Identifier: Apache-2.0 */
#include "fn/fn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "fn/async.h"
#include "t.h"

static const struct fn_key key = {
        DIALECT_FUNCTIONGRAPH, {"acc", 3}, {"region", 6}, {"default", 7}, {"hello", 5}};

static struct fn_async *async(void)
{
    struct fn_async *a = xnew(struct fn_async);

    a->max_age_s = 86400;
    a->max_retries = 3;
    a->status_log = true;
    a->created_ms = 7;
    a->on_failure.kind = FN_TARGET_FUNCTION;
    a->on_failure.to = xstrdup("functiongraph/acc/region/default/told");
    a->on_failure.extra = xstrdup("{\"param\":\"{\\\"func_urn\\\":1}\"}");
    return a;
}

#define LAYER_SHA "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

static struct fn *full(void)
{
    struct fn *f = fn_new(&key);

    fn_set(&f->runtime, S("Python3.9"));
    fn_set(&f->handler, S("index.handler"));
    fn_set(&f->initializer, S("index.init"));
    fn_set(&f->description, S("quotes \" and \\ and \n and \xc3\xa9"));
    fn_set(&f->extra, S("{\"b\":1.0,\"a\":12345678901234567890,\"b\":[ ]}"));
    fn_add_var(f, S("B"), S("2"));
    fn_add_var(f, S("A"), S(""));
    fn_add_var(f, S("with \"quote\""), S("v"));
    fn_set(&f->role, S("an-agency"));
    fn_set(&f->pre_stop, S("index.stop"));
    fn_set(&f->pre_freeze, S("index.freeze"));
    fn_set(&f->tracing, S("an-access-key"));
    fn_set(&f->version, S("v3"));
    fn_set(&f->version_note, S("before the great change"));
    f->published_ms = 1795300000124;
    fn_add_layer(f, S("acs:fc:r:a:layers/l/versions/1"), LAYER_SHA, 7);
    fn_add_layer(f, S("dep-2"), LAYER_SHA, 1ull << 53);
    f->async = async();
    f->network = FN_NETWORK_EGRESS;
    f->reserved = 2;
    f->cpu_strict = 1;
    fn_set(&f->code.kind, S("inline"));
    fn_set(&f->code.filename, S("index.py"));
    memset(f->code.sha, 'a', SHA256_HEX - 1);
    memset(f->code.digest, 'b', SHA512_HEX - 1);
    f->code.size = 1ull << 53;
    f->timeout_ms = UINT32_MAX;
    f->created_ms = -(INT64_C(1) << 53);
    f->modified_ms = 1795300000123;
    return f;
}

static void is_same(const struct fn *a, const struct fn *b)
{
    struct buf x, y;

    buf_init(&x, 1 << 20);
    buf_init(&y, 1 << 20);
    fn_encode(a, &x);
    fn_encode(b, &y);
    assert_true(buf_ok(&x) && x.n > 0);
    t_str(buf_str(&x), buf_str(&y));
    buf_done(&x);
    buf_done(&y);
}

static void a_draft_has_every_text_that_is_never_null(void **state)
{
    struct fn *f = fn_new(&key);

    (void)state;
    assert_string_equal(f->version, "latest");
    assert_string_equal(f->extra, "{}");
    assert_string_equal(f->description, "");
    assert_null(f->initializer);
    assert_int_equal(f->revision, 0);
    fn_unref(f);
}

static void what_is_encoded_is_decoded_to_the_same(void **state)
{
    struct fn *f = full(), *g = NULL;
    struct err e = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    fn_encode(f, &out);
    t_ok(fn_decode(buf_str(&out), 7, &g, &e), &e);
    is_same(f, g);
    assert_int_equal(g->revision, 7);
    assert_string_equal(g->extra, f->extra);
    assert_string_equal(g->vars[0].name, "B");
    assert_string_equal(fn_var(g, "with \"quote\""), "v");
    assert_true(g->code.size == f->code.size && g->created_ms == f->created_ms);
    fn_unref(f);
    fn_unref(g);
    buf_done(&out);
}

static void none_stays_none(void **state)
{
    struct fn *f = fn_new(&key), *g = NULL;
    struct err e = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    fn_encode(f, &out);
    t_ok(fn_decode(buf_str(&out), 1, &g, &e), &e);
    assert_null(g->initializer);
    assert_null(g->code.filename);
    assert_null(g->code.kind);
    assert_int_equal(g->nvars, 0);
    fn_unref(f);
    fn_unref(g);
    buf_done(&out);
}

static void a_record_of_the_first_format_is_read(void **state)
{
    const char *old =
            "{\"v\":1,\"dialect\":\"fc\",\"account\":\"a\",\"region\":\"r\",\"space\":\"s\","
            "\"name\":\"n\","
            "\"version\":\"latest\",\"runtime\":\"python3\",\"handler\":\"h\",\"initializer\":null,"
            "\"description\":\"\",\"timeout_ms\":1,\"init_timeout_ms\":2,\"memory_mb\":3,\"max_"
            "instances\":4,"
            "\"instance_concurrency\":1,\"code_sha\":\"\",\"code_size\":0,\"code_digest\":\"\","
            "\"code_kind\":null,\"code_filename\":null,\"extra\":\"{}\",\"created_ms\":5,"
            "\"modified_ms\":6,"
            "\"vars\":{}}";
    struct err e = {0};
    struct fn *f, *draft = fn_new(&key);

    (void)state;
    t_ok(fn_decode(str_of(old), 9, &f, &e), &e);
    assert_int_equal(f->memory_mb, 3);
    assert_int_equal(f->tmp_mb, draft->tmp_mb);
    assert_int_equal(f->network, FN_NETWORK_DEFAULT);
    assert_null(f->pre_stop);
    fn_unref(f);
    fn_unref(draft);
}

/* A full record as format 2, 3 or 4 had it. */
static struct fn *of_format(char digit)
{
    struct fn *f = full(), *g = NULL;
    struct err e = {0};
    struct buf now, old;
    const char *tracing, *later, *vars, *async, *layers;

    buf_init(&now, 1 << 20);
    buf_init(&old, 1 << 20);
    fn_encode(f, &now);
    tracing = strstr(now.p, ",\"tracing\":");
    later = strstr(now.p, ",\"version_note\":");
    vars = strstr(now.p, ",\"vars\":");
    async = strstr(now.p, ",\"async\":{");
    layers = strstr(now.p, ",\"layers\":[");
    assert_true(tracing && later && vars && async && layers);
    now.p[strlen("{\"v\":")] = digit;
    buf_add(&old, now.p, (size_t)((digit == '2' ? tracing : later) - now.p));
    buf_add(&old, vars, (size_t)((digit == '4' ? layers : async) - vars));
    buf_addc(&old, '}');
    t_ok(fn_decode(buf_str(&old), 9, &g, &e), &e);
    fn_unref(f);
    buf_done(&now);
    buf_done(&old);
    return g;
}

static void a_record_of_the_second_format_is_read(void **state)
{
    struct fn *g = of_format('2');

    (void)state;
    assert_null(g->tracing);
    assert_string_equal(g->pre_freeze, "index.freeze");
    fn_unref(g);
}

static void a_record_of_the_third_format_is_read(void **state)
{
    struct fn *g = of_format('3');

    (void)state;
    assert_string_equal(g->tracing, "an-access-key");
    assert_null(g->async);
    fn_unref(g);
}

static void a_record_of_the_fourth_format_is_read(void **state)
{
    struct fn *g = of_format('4');

    (void)state;
    assert_non_null(g->async);
    assert_null(g->version_note);
    assert_int_equal(g->published_ms, 0);
    assert_int_equal(g->nlayers, 0);
    fn_unref(g);
}

static void layers_are_kept_in_order_and_name_their_union(void **state)
{
    static const char other[] = "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    struct fn *f = full(), *g = fn_copy(f);
    char one[SHA256_HEX], two[SHA256_HEX];

    (void)state;
    assert_int_equal(g->nlayers, 2);
    assert_string_equal(g->layers[1].ref, "dep-2");
    assert_string_equal(fn_layers_key(f, one), fn_layers_key(g, two));
    fn_add_layer(g, S("x"), other, 1);
    assert_string_not_equal(fn_layers_key(f, one), fn_layers_key(g, two));
    fn_set_layers_done(g);
    assert_string_equal(fn_layers_key(g, two), "");
    for (int i = 0; i < FN_LAYERS; i++)
        fn_add_layer(g, S("x"), other, 1);
    assert_int_equal(strlen(fn_layers_key(g, two)), SHA256_HEX - 1);
    fn_unref(f);
    fn_unref(g);
}

static void rules_for_events_are_kept(void **state)
{
    struct fn *f = full(), *g = NULL;
    struct err e = {0};
    struct buf out;

    (void)state;
    buf_init(&out, 1 << 20);
    fn_encode(f, &out);
    t_ok(fn_decode(buf_str(&out), 1, &g, &e), &e);
    assert_int_equal(g->async->max_age_s, 86400);
    assert_int_equal(g->async->max_retries, 3);
    assert_true(g->async->status_log);
    assert_int_equal(g->async->on_success.kind, FN_TARGET_NONE);
    assert_null(g->async->on_success.to);
    assert_int_equal(g->async->on_failure.kind, FN_TARGET_FUNCTION);
    assert_string_equal(g->async->on_failure.to, f->async->on_failure.to);
    assert_string_equal(g->async->on_failure.extra, f->async->on_failure.extra);
    fn_unref(f);
    fn_unref(g);
    buf_done(&out);
}

/* Replace the first `from` in a good record by `to`. */
static int decode_with(const char *from, const char *to, struct err *e)
{
    struct fn *f = full(), *g = NULL;
    struct buf good, bad;
    char *at;
    int r;

    buf_init(&good, 1 << 20);
    buf_init(&bad, 1 << 20);
    fn_encode(f, &good);
    at = strstr(good.p, from);
    assert_non_null(at);
    buf_add(&bad, good.p, (size_t)(at - good.p));
    buf_addz(&bad, to);
    buf_addz(&bad, at + strlen(from));
    r = fn_decode(buf_str(&bad), 1, &g, e);
    if (r == 0)
        fn_unref(g);
    fn_unref(f);
    buf_done(&good);
    buf_done(&bad);
    return r;
}

static void decoding_refuses_what_encoding_cannot_have_written(void **state)
{
    static const struct {
        const char *from, *to;
    } bad[] = {
            {"\"v\":5", "\"v\":6"},
            {"\"v\":5", "\"v\":4"},
            {"\"v\":5", "\"v\":2"}, /* with fields that format 2 did not have */
            {"\"v\":5", "\"v\":1"},
            {"\"v\":5,", "\"v\":5, "},
            {"\"v\":5,", "\"v\":5,\"new\":1,"},
            {"\"v\":5,", "\"v\":5,\"v\":2,"},
            {"\"network\":3", "\"network\":4"},
            {"\"cpu_strict\":1", "\"cpu_strict\":2"},
            {"\"dialect\":\"functiongraph\"", "\"dialect\":\"lambda\""},
            {"\"handler\":\"index.handler\",", ""},
            {"\"handler\":\"index.handler\"", "\"handler\":null"},
            {"\"handler\":\"index.handler\"", "\"handler\":1"},
            {"\"handler\":\"index.handler\"", "\"handler\":\"a\\u0000b\""},
            {"\"handler\":\"index.handler\"", "\"handler\":\"\\u0061\""},
            {"\"memory_mb\":128", "\"memory_mb\":-1"},
            {"\"memory_mb\":128", "\"memory_mb\":4294967296"},
            {"\"memory_mb\":128", "\"memory_mb\":128.0"},
            {"\"A\":\"\"", "\"B\":\"\""},
            {"\"A\":\"\"", "\"A\":1"},
            {"\"code_sha\":\"a", "\"code_sha\":\"A"},
            {"\"code_sha\":\"a", "\"code_sha\":\"aa"},
            {"\"extra\":\"{", "\"extra\":\"["},
            {"\"extra\":\"{", "\"extra\":\"{{"},
            {"\"max_age_s\":86400", "\"max_age_s\":4294967296"},
            {"\"status_log\":true", "\"status_log\":1"},
            {"\"on_success\":null,", ""},
            {"\"on_success\":null", "\"on_success\":{}"},
            {"\"on_success\":null",
             "\"on_success\":{\"kind\":\"none\",\"to\":\"\",\"extra\":null}"},
            {"\"kind\":\"function\"", "\"kind\":\"obs\""},
            {"\"to\":\"functiongraph/acc/region/default/told\"", "\"to\":\"\""},
            {"\"extra\":\"{\\\"param", "\"extra\":\"\\\"param"},
            {"\"layers\":[", "\"layers\":1,\"was\":["},
            {"\"sha\":\"0", "\"sha\":\"G"},
            {"\"ref\":\"dep-2\",", ""},
            {"\"size\":7", "\"size\":-7"},
            {"\"published_ms\":1795300000124", "\"published_ms\":\"1\""},
            {"\"async\":{", "\"async\":1,\"was\":{"},
            {"{\"v\"", "[\"v\""},
            {"}]}", "}]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = {0};

        if (decode_with(bad[i].from, bad[i].to, &e) != -EINVAL || !e.msg[0])
            fail_msg("taken: %s -> %s", bad[i].from, bad[i].to);
    }
    assert_int_equal(decode_with("\"memory_mb\":128", "\"memory_mb\":4294967295", NULL), 0);
}

static void a_copy_shares_nothing_and_keeps_the_revision(void **state)
{
    struct fn *f = full(), *g;

    (void)state;
    f->revision = 9;
    g = fn_copy(f);
    is_same(f, g);
    assert_int_equal(g->revision, 9);
    fn_unref(f);
    fn_add_var(g, S("B"), S("new"));
    assert_string_equal(fn_var(g, "B"), "new");
    assert_int_equal(g->nvars, 3);
    fn_unref(g);
}

static void a_record_lives_until_its_last_reference_goes(void **state)
{
    const struct fn *f = fn_new(&key), *again = fn_ref(f);

    (void)state;
    fn_unref(f);
    assert_string_equal(again->name, "hello");
    fn_unrefp(&again);
    fn_unref(NULL);
}

static void a_field_can_be_set_to_a_part_of_itself(void **state)
{
    struct fn *f = fn_new(&key);

    (void)state;
    fn_set(&f->name, str_from(str_of(f->name), 2));
    assert_string_equal(f->name, "llo");
    fn_set(&f->initializer, STR_NONE);
    assert_null(f->initializer);
    fn_set_vars_done(f);
    assert_null(fn_var(f, "A"));
    fn_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_draft_has_every_text_that_is_never_null),
            cmocka_unit_test(what_is_encoded_is_decoded_to_the_same),
            cmocka_unit_test(a_record_of_the_first_format_is_read),
            cmocka_unit_test(a_record_of_the_second_format_is_read),
            cmocka_unit_test(a_record_of_the_third_format_is_read),
            cmocka_unit_test(a_record_of_the_fourth_format_is_read),
            cmocka_unit_test(layers_are_kept_in_order_and_name_their_union),
            cmocka_unit_test(rules_for_events_are_kept),
            cmocka_unit_test(none_stays_none),
            cmocka_unit_test(decoding_refuses_what_encoding_cannot_have_written),
            cmocka_unit_test(a_copy_shares_nothing_and_keeps_the_revision),
            cmocka_unit_test(a_record_lives_until_its_last_reference_goes),
            cmocka_unit_test(a_field_can_be_set_to_a_part_of_itself),
    };
    return T_RUN(tests);
}
