/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors captured from the official Node client (@alicloud/fc2 2.6.6), key testid/testsecret. */
#include "t.h"

#include <errno.h>

#include "sign/sign.h"

#define SERVICES "/2016-08-15/services"
#define FN       SERVICES "/svc/functions/fn"

struct vector {
    const char *method, *path, *query; /* path as signed */
    bool with_query;
    struct sign_header headers[8]; /* beside date and account */
    const char *signature;
};

#define MD5(v)                                                                                     \
    {                                                                                              \
        S("Content-MD5"), S(v)                                                                     \
    }
#define JSON                                                                                       \
    {                                                                                              \
        S("Content-Type"), S("application/json")                                                   \
    }
#define OCTET                                                                                      \
    {                                                                                              \
        S("content-type"), S("application/octet-stream")                                           \
    }

static const struct vector vectors[] = {
        {"POST",
         SERVICES,
         "",
         false,
         {JSON, MD5("YWViZGM4ZjcyNWE1YzFmNjQ0YTM2YmM5YjMyZmJjYTg=")},
         "OjFEPM1jP6g9tGJFmk4H0EWN/ZpFYuJU6XHVCCx7t9o="},
        {"GET",
         SERVICES,
         "limit=10&prefix=s&tag_k=v",
         false,
         {{{0}}},
         "5/dTOgMiKejqO38VactmARup+5jZ18rzbLsxOv0TlQw="},
        {"GET",
         SERVICES "/svc.prod",
         "",
         false,
         {{{0}}},
         "fJvScC0l1k6FoEYlRn1dCqUzr1eWzjnZzMVJRU2MLfU="},
        {"POST",
         SERVICES "/svc/functions",
         "",
         false,
         {JSON, MD5("MWRhNTE4NjZiZDBkNzdlNWIxZGY2Y2NhMmY3ZTM2NmM=")},
         "HRH5ixw8qod/GjSwpsi7Tbt1J8lCBcFBxT80NWN4lJM="},
        {"GET",
         SERVICES "/svc.LATEST/functions/fn/code",
         "",
         false,
         {{{0}}},
         "YiYZ4sc4OsK3jqkMR8wrpCbUuObniNBFM0vbqS8dQrM="},
        {"POST",
         FN "/invocations",
         "",
         false,
         {{S("X-Fc-Log-Type"), S("Tail")},
          OCTET,
          MD5("YmI2Y2I1YzY4ZGY0NjUyOTQxY2FmNjUyYTM2NmYyZDg=")},
         "bWIrrr544sZnKsj4PXfqYyYCsSukrAX9l4yV7lCQRDU="},
        {"POST",
         FN "/invocations",
         "",
         false,
         {{{0}}},
         "AZs6MGF7JqMLWmw+rfaHdjwkCCi1jMZknI+e32nkEFw="},
        {"POST",
         SERVICES "/svc.prod/functions/fn/invocations",
         "",
         false,
         {{S("x-fc-stateful-async-invocation-id"), S("my-id")},
          {S("x-fc-invocation-type"), S("Async")},
          OCTET,
          MD5("ZjA0M2NiZTdiNWNhODAzNGQ1N2M1Mjg2ZjRkMWZlZTM=")},
         "+ULCUS52f5e/c/mcOrvpaxoeL8yWtkbaNZ2kRa/ZWWI="},
        {"DELETE", FN, "", false, {{{0}}}, "5VnEJr5lXSuGBmOAXfhyqSX0NmiKPQ4i+tYoNrhpz4A="},
        {"DELETE",
         SERVICES "/svc",
         "",
         false,
         {{S("if-match"), S("abc")}},
         "ybesVY2sNHsqw9xnTXwjdFb0XesIbH9KFUUA0doCePo="},
        {"POST",
         "/2016-08-15/proxy/svc/fn/action with space",
         "b=2&a=1&a=3&k%20y=v%20%C3%A9",
         true,
         {{S("foo"), S("bar")}, OCTET, MD5("NWQ0MTQwMmFiYzRiMmE3NmI5NzE5ZDkxMTAxN2M1OTI=")},
         "zI5HWj6orGSvaEvI4czLllYYWlYNLD+tG2/pCrU2n4Q="},
        {"POST",
         "/2016-08-15/proxy/svc/fn/action%20x",
         "",
         true,
         {OCTET, MD5("YWMzZWY0OGNhYTA4ZmEzZWQ1ZTAyNWRhNjllZGM2NDU=")},
         "/SlN7b9wARQ0cT0R8BmIyN6KkB47gcGKoTqBvkfk4gc="},
        {"GET",
         "/2016-08-15/proxy/svc/fn/",
         "key1=value1",
         true,
         {{{0}}},
         "9JsSiDYM7TQpjZ7CsGxTCpYOW96bTTuEZfcocV/2LfM="},
        {"GET",
         "/2016-08-15/account-settings",
         "",
         false,
         {{S("x-fc-security-token"), S("tok")}},
         "45tqI/4SyQgz24iZfjkFLu4G6EjVKxyQwygduhrcNms="},
};

static struct str sign_one(const struct vector *v, const char *secret, struct buf *out)
{
    struct sign_header all[10] = {
            {S("date"), S("Sat, 21 Nov 2026 20:50:18 GMT")},
            {S("x-fc-account-id"), S("123456789")},
    };
    struct sign_request r = {.method = str_of(v->method), .query = str_of(v->query)};
    struct err e = {0};
    uint32_t n = 2;

    for (int i = 0; i < 8 && v->headers[i].name.p; i++)
        all[n++] = v->headers[i];
    r.headers = all;
    r.nheaders = n;
    t_ok(sign_fc_compute(&r, str_of(v->path), v->with_query, str_of(secret), out, &e), &e);
    return buf_str(out);
}

static void signatures_are_those_of_the_official_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct buf out;

        buf_init(&out, 64);
        t_str(sign_one(&vectors[i], "testsecret", &out), str_of(vectors[i].signature));
        buf_done(&out);
    }
}

static void another_secret_gives_another_signature(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 64);
    assert_false(str_eq(sign_one(&vectors[0], "testsecreu", &out), str_of(vectors[0].signature)));
    buf_done(&out);
}

static void x_fc_date_stands_in_for_date(void **state)
{
    struct sign_header with[] = {{S("Date"), S("ignored")}, {S("x-fc-date"), S("D")}};
    struct sign_header without[] = {{S("Date"), S("also ignored")}, {S("X-FC-Date"), S("D")}};
    struct sign_request a = {.method = S("GET"), .headers = with, .nheaders = 2};
    struct sign_request b = {.method = S("GET"), .headers = without, .nheaders = 2};
    struct buf x, y;

    (void)state;
    buf_init(&x, 64);
    buf_init(&y, 64);
    assert_int_equal(sign_fc_compute(&a, S("/"), false, S("s"), &x, NULL), 0);
    assert_int_equal(sign_fc_compute(&b, S("/"), false, S("s"), &y, NULL), 0);
    t_str(buf_str(&x), buf_str(&y));
    buf_done(&x);
    buf_done(&y);
}

static void authorization_is_taken_apart(void **state)
{
    static const char *const bad[] = {
            "",
            "FC",
            "FC ",
            "FC id",
            "FC :OjFEPM1jP6g9tGJFmk4H0EWN/ZpFYuJU6XHVCCx7t9o=",
            "FC id:",
            "FC id:short",
            "FC id:OjFEPM1jP6g9tGJFmk4H0EWN/ZpFYuJU6XHVCCx7t9o=x",
            "fc id:OjFEPM1jP6g9tGJFmk4H0EWN/ZpFYuJU6XHVCCx7t9o=",
    };
    struct sign_fc sign;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(sign_fc_parse(str_of(bad[i]), &sign, NULL), -EINVAL);
    assert_int_equal(sign_fc_parse(S("FC STS.abc:OjFEPM1jP6g9tGJFmk4H0EWN/ZpFYuJU6XHVCCx7t9o="),
                                   &sign, NULL),
                     0);
    t_str(sign.access_key, S("STS.abc"));
    t_str(sign.signature, S("OjFEPM1jP6g9tGJFmk4H0EWN/ZpFYuJU6XHVCCx7t9o="));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(signatures_are_those_of_the_official_client),
            cmocka_unit_test(another_secret_gives_another_signature),
            cmocka_unit_test(x_fc_date_stands_in_for_date),
            cmocka_unit_test(authorization_is_taken_apart),
    };

    return T_RUN(tests);
}
