/* SPDX-License-Identifier: Apache-2.0 */
#include "fn/resource.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "t.h"

static void set(char **field, const char *text)
{
    free(*field);
    *field = xstrdup(text);
}

static struct resource *sample(void)
{
    struct resource *r = resource_new(S("api"), S("0f3c"));

    r->dialect = DIALECT_SCF;
    set(&r->account, "acc");
    set(&r->region, "region");
    set(&r->parent, "group");
    set(&r->name, "hello");
    set(&r->body, "{\"name\":\"a \\\"b\\\"\"}");
    r->created_ms = 5;
    return r;
}

static char *encoded(const struct resource *r)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    resource_encode(r, &text);
    assert_true(buf_ok(&text));
    return buf_take(&text);
}

static int decoded(const struct resource *r)
{
    struct resource *back = NULL;
    char *text = encoded(r);
    int code = resource_decode(str_of(text), 1, &back, NULL);

    resource_unref(back);
    free(text);
    return code;
}

static void what_is_encoded_is_decoded_to_the_same(void **state)
{
    struct resource *r = sample(), *copy = resource_copy(r), *back = NULL;
    char *one = encoded(r), *two, *three;
    struct err e = {0};

    (void)state;
    t_ok(resource_decode(str_of(one), 3, &back, &e), &e);
    assert_int_equal(back->revision, 3);
    assert_int_equal(back->dialect, DIALECT_SCF);
    assert_string_equal(back->parent, "group");
    two = encoded(back);
    assert_string_equal(two, one);
    resource_unref(resource_ref(r));
    resource_unref(r);
    three = encoded(copy); /* a copy shares nothing */
    assert_string_equal(three, one);
    resource_unref(copy);
    resource_unref(back);
    free(one);
    free(two);
    free(three);
}

static void decoding_refuses_what_encoding_cannot_have_written(void **state)
{
    static const char *const bad[] = {"", "{}", "null", "{\"v\":1}", "{\"v\":2,\"kind\":\"\"}"};
    struct resource *r = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(resource_decode(str_of(bad[i]), 1, &r, NULL), -EINVAL);
    assert_null(r);
    r = sample();
    assert_int_equal(decoded(r), 0);
    set(&r->body, "[]");
    assert_int_equal(decoded(r), -EINVAL);
    set(&r->body, "{\"a\":}");
    assert_int_equal(decoded(r), -EINVAL);
    resource_unref(r);
}

static void a_text_is_as_long_as_its_limit_and_not_one_more(void **state)
{
    static const struct {
        size_t at, min, max;
    } cases[] = {
            {offsetof(struct resource, kind), 1, RESOURCE_KIND},
            {offsetof(struct resource, id), 1, RESOURCE_ID},
            {offsetof(struct resource, parent), 0, RESOURCE_ID},
            {offsetof(struct resource, name), 0, RESOURCE_NAME},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct resource *r = sample();
        char **field = (char **)((char *)r + cases[i].at);
        char *text = xcalloc(cases[i].max + 2, 1);

        set(field, "");
        assert_int_equal(decoded(r), cases[i].min == 0 ? 0 : -EINVAL);
        memset(text, 'x', cases[i].max);
        set(field, text);
        assert_int_equal(decoded(r), 0);
        text[cases[i].max] = 'x';
        set(field, text);
        assert_int_equal(decoded(r), -EINVAL);
        free(text);
        resource_unref(r);
    }
}

static void a_body_is_as_long_as_its_limit_and_not_one_more(void **state)
{
    struct resource *r = sample();

    (void)state;
    for (size_t n = RESOURCE_BODY; n <= RESOURCE_BODY + 1; n++) {
        char *text = xcalloc(n + 1, 1);

        memset(text, ' ', n);
        text[0] = '{';
        text[n - 1] = '}';
        set(&r->body, text);
        assert_int_equal(decoded(r), n == RESOURCE_BODY ? 0 : -EINVAL);
        free(text);
    }
    resource_unref(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(what_is_encoded_is_decoded_to_the_same),
            cmocka_unit_test(decoding_refuses_what_encoding_cannot_have_written),
            cmocka_unit_test(a_text_is_as_long_as_its_limit_and_not_one_more),
            cmocka_unit_test(a_body_is_as_long_as_its_limit_and_not_one_more),
    };
    return T_RUN(tests);
}
