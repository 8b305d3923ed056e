/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/guard/authorizer_identity.h"

#include <errno.h>
#include <stdlib.h>

#include "t.h"

#include "base/arena.h"
#include "dialect/shape.h"
#include "gateway/model/model.h"
#include "http/server.h"

static struct gw_identity identities[2];
static struct gw_authorizer authorizer = {.identities = identities, .nidentities = 1, .ttl_s = 5};
static char id[] = "a1", name_token[] = "token", name_user[] = "user";

static void expect(enum gw_place place, const char *validation)
{
    authorizer.id = id;
    authorizer.nidentities = 1;
    authorizer.ttl_s = 5;
    authorizer.revision = 1;
    identities[0] = (struct gw_identity){name_token, place, (char *)validation};
    identities[1] = (struct gw_identity){name_user, GW_IN_QUERY, NULL};
}

struct seen {
    int r;
    char key[GW_IDENTITY_BYTES + 64];
    size_t n; /* 0: no key */
    struct err e;
};

static struct seen look(const struct h1_header *headers, uint32_t nheaders,
                        const struct shape_pair *query, size_t nquery)
{
    struct http_request req = {.headers = headers, .nheaders = nheaders};
    struct gw_identify what = {&authorizer, &req, query, nquery};
    struct gw_patterns *p = gw_patterns_new();
    struct arena *arena = arena_new(1 << 20);
    struct seen s = {0};
    struct str key;

    s.r = gw_identify(&what, p, arena, &key, &s.e);
    if (key.p) {
        s.n = key.n;
        memcpy(s.key, key.p, key.n);
    }
    gw_patterns_free(p);
    arena_free(arena);
    return s;
}

static struct seen header(const char *value)
{
    struct h1_header h = {.name = S("Token"), .value = str_of(value)};

    return look(&h, 1, NULL, 0);
}

static bool same(const struct seen *a, const struct seen *b)
{
    return a->n == b->n && memcmp(a->key, b->key, a->n) == 0;
}

static void a_missing_or_empty_identity_is_told_by_its_name(void **state)
{
    struct shape_pair q = {S("Token"), S("x")};
    struct seen s;

    (void)state;
    expect(GW_IN_HEADER, NULL);
    s = look(NULL, 0, NULL, 0);
    assert_int_equal(s.r, -ENOENT);
    t_has(s.e.msg, "'token'");
    assert_int_equal(header("").r, -ENOENT);
    assert_int_equal(header("x").r, 0);
    expect(GW_IN_QUERY, NULL);
    assert_int_equal(header("x").r, -ENOENT);
    assert_int_equal(look(NULL, 0, &q, 1).r, -ENOENT); /* names of the query have a case */
    q.name = S("token");
    assert_int_equal(look(NULL, 0, &q, 1).r, 0);
    q.value = STR_NONE;
    assert_int_equal(look(NULL, 0, &q, 1).r, -ENOENT);
}

static void an_expression_must_match_every_value(void **state)
{
    struct h1_header two[] = {{.name = S("token"), .value = S("abc")},
                              {.name = S("TOKEN"), .value = S("123")}};

    (void)state;
    expect(GW_IN_HEADER, "^[a-z]+$");
    assert_int_equal(header("abc").r, 0);
    assert_int_equal(header("abc1").r, -EACCES);
    assert_int_equal(header("\xff").r, -EACCES);
    assert_int_equal(look(two, 2, NULL, 0).r, -EACCES);
    expect(GW_IN_HEADER, "b");
    assert_int_equal(header("abc").r, 0); /* somewhere in it */
}

static void a_bad_or_endless_expression_lets_nobody_in(void **state)
{
    char many[64 + 1];

    (void)state;
    expect(GW_IN_HEADER, "(");
    assert_int_equal(header("x").r, -EINVAL);
    memset(many, 'a', 64);
    many[64] = '\0';
    expect(GW_IN_HEADER, "^(a+)+\\1$x");
    assert_int_equal(header(many).r, -EACCES);
}

static void a_header_that_stays_with_us_identifies_nobody(void **state)
{
    struct h1_header h[] = {{.name = S("token"), .value = S("abc")},
                            {.name = S("Connection"), .value = S("close, Token")}};

    (void)state;
    expect(GW_IN_HEADER, NULL);
    assert_int_equal(look(h, 2, NULL, 0).r, -ENOENT);
    h[1].value = S("close, tokens");
    assert_int_equal(look(h, 2, NULL, 0).r, 0);
}

static void the_key_tells_all_values_apart(void **state)
{
    struct h1_header one[] = {{.name = S("token"), .value = S("ab")}};
    struct h1_header two[] = {{.name = S("token"), .value = S("a")},
                              {.name = S("token"), .value = S("b")}};
    struct h1_header more[] = {{.name = S("token"), .value = S("ab")},
                               {.name = S("other"), .value = S("x")}};
    struct seen a, b, c, d;

    (void)state;
    expect(GW_IN_HEADER, NULL);
    a = look(one, 1, NULL, 0);
    b = look(two, 2, NULL, 0);
    c = look(more, 2, NULL, 0);
    assert_true(a.n && b.n && !same(&a, &b));
    assert_true(same(&a, &c));
    authorizer.revision++;
    d = look(one, 1, NULL, 0);
    assert_false(same(&a, &d));
}

static void values_do_not_run_into_each_other(void **state)
{
    struct h1_header h1 = {.name = S("token"), .value = S("a")},
                     h2 = {.name = S("token"), .value = S("ab")};
    struct shape_pair q1 = {S("user"), S("bc")}, q2 = {S("user"), S("c")};
    struct h1_header two[] = {{.name = S("token"), .value = S("a")},
                              {.name = S("token"), .value = S("b")}};
    struct shape_pair more[] = {{S("user"), S("b")}, {S("user"), S("c")}};
    struct seen a, b;

    (void)state;
    expect(GW_IN_HEADER, NULL);
    authorizer.nidentities = 2;
    a = look(&h1, 1, &q1, 1);
    b = look(&h2, 1, &q2, 1);
    assert_true(a.n && b.n && !same(&a, &b));
    a = look(two, 2, &q2, 1);  /* a, b and c */
    b = look(&h1, 1, more, 2); /* a and b, c */
    assert_true(a.n && b.n && !same(&a, &b));
}

static void nothing_is_remembered_without_ttl_or_identities_or_when_too_long(void **state)
{
    static char long_value[GW_IDENTITY_BYTES + 1];
    struct seen s;

    (void)state;
    expect(GW_IN_HEADER, NULL);
    authorizer.ttl_s = 0;
    assert_int_equal(header("x").n, 0);
    assert_int_equal(header("").r, -ENOENT); /* and yet it has to be there */
    authorizer.ttl_s = 5;
    authorizer.nidentities = 0;
    assert_int_equal(header("x").n, 0);

    expect(GW_IN_HEADER, NULL); /* 8 bytes of the key are lengths */
    memset(long_value, 'x', GW_IDENTITY_BYTES - 8);
    s = header(long_value);
    assert_true(s.r == 0 && s.n > 0);
    long_value[GW_IDENTITY_BYTES - 8] = 'x';
    s = header(long_value);
    assert_true(s.r == 0 && s.n == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(a_missing_or_empty_identity_is_told_by_its_name),
            cmocka_unit_test(an_expression_must_match_every_value),
            cmocka_unit_test(a_bad_or_endless_expression_lets_nobody_in),
            cmocka_unit_test(a_header_that_stays_with_us_identifies_nobody),
            cmocka_unit_test(the_key_tells_all_values_apart),
            cmocka_unit_test(values_do_not_run_into_each_other),
            cmocka_unit_test(nothing_is_remembered_without_ttl_or_identities_or_when_too_long),
    };

    return T_RUN(tests);
}
