/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sign.c - lines are path, query, header value, body. What the client half makes, the checking
 * half accepts; escaping a path differently does not change its signature; and no Authorization
 * taken apart points outside itself. */
#include <string.h>

#include "base/buf.h"
#include "base/uri.h"
#include "fuzz.h"
#include "sign/sign.h"

enum { MAX_INPUT = 4096 };

static const struct str secret = S("SKTEST"), date = S("20261121T204758Z");

static int inside(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void parses_stay_inside(struct str text)
{
    struct sign_sdk sdk;
    struct sign_acs3 acs3;
    struct sign_tc3 tc3;
    struct sign_fc fc;

    if (sign_sdk_parse(text, &sdk, NULL) == 0)
        holds(inside(sdk.access_key, text) && inside(sdk.signed_headers, text) &&
              inside(sdk.signature, text) && sdk.signature.n == 64);
    if (sign_acs3_parse(text, &acs3, NULL) == 0)
        holds(inside(acs3.access_key, text) && inside(acs3.signed_headers, text) &&
              inside(acs3.signature, text) && acs3.signature.n == 64);
    if (sign_tc3_parse(text, &tc3, NULL) == 0)
        holds(inside(tc3.access_key, text) && inside(tc3.date, text) && inside(tc3.service, text) &&
              inside(tc3.signed_headers, text) && inside(tc3.signature, text) && tc3.service.n > 0);
    if (sign_fc_parse(text, &fc, NULL) == 0)
        holds(inside(fc.access_key, text) && inside(fc.signature, text) && fc.access_key.n > 0);
}

static void made_is_accepted(const struct sign_request *r)
{
    struct buf authorization;
    struct sign_sdk sign;
    char again[65];

    buf_init(&authorization, 1024);
    holds(sign_sdk_authorize(r, S("AKTEST"), secret, &authorization, NULL) == 0);
    holds(sign_sdk_parse(buf_str(&authorization), &sign, NULL) == 0);
    holds(sign_sdk_compute(r, sign.signed_headers, date, secret, again, NULL) == 0);
    holds(str_eq(sign.signature, str_of(again)));
    buf_done(&authorization);
}

static void escapes_do_not_matter(struct sign_request r)
{
    struct buf decoded, escaped;
    char one[65], two[65];

    buf_init(&decoded, MAX_INPUT);
    buf_init(&escaped, 3 * MAX_INPUT);
    if (uri_decode(r.path, false, &decoded) == 0 && !str_has(buf_str(&decoded), '\0')) {
        uri_encode(buf_str(&decoded), "/", &escaped);
        holds(sign_sdk_compute(&r, S("host"), date, secret, one, NULL) == 0);
        r.path = buf_str(&escaped);
        holds(sign_sdk_compute(&r, S("host"), date, secret, two, NULL) == 0);
        holds(strcmp(one, two) == 0);
    }
    buf_done(&decoded);
    buf_done(&escaped);
}

/* A path escaped once more in full has, read as it is, the signature of the first, escaped. */
static void acs3_holds(struct sign_request r)
{
    const struct sign_acs3 by = {S("AKTEST"), S("b;host"), S("")};
    struct buf decoded, escaped;
    char one[65], two[65];

    buf_init(&decoded, MAX_INPUT);
    buf_init(&escaped, 3 * MAX_INPUT);
    holds(sign_acs3_expect(&r, &by, true, secret, one, NULL) == 0 && strlen(one) == 64);
    if (uri_decode(r.path, false, &decoded) == 0) {
        uri_encode(buf_str(&decoded), "/", &escaped);
        r.path = buf_str(&escaped);
        holds(sign_acs3_expect(&r, &by, false, secret, two, NULL) == 0);
        holds(strcmp(one, two) == 0);
    }
    buf_done(&decoded);
    buf_done(&escaped);
}

/* Fields that stand the other way round have the same signature, unless names are there twice. */
static void forms_hold(struct str form)
{
    struct buf one, two;

    buf_init(&one, 64);
    buf_init(&two, 64);
    holds(sign_tc1_expect(S("POST"), S("h"), form, true, false, secret, &one, NULL) == 0 &&
          one.n == 44);
    holds(sign_tc1_expect(S("POST"), S("h"), form, true, true, secret, &two, NULL) == 0 &&
          two.n == 44);
    holds(str_has(form, '_') || str_has(form, '%') || str_eq(buf_str(&one), buf_str(&two)));
    buf_done(&one);
    buf_done(&two);
}

static void tc3_holds(const struct sign_request *r)
{
    const struct sign_tc3 by = {.date = date, .service = r->path, .signed_headers = S("host;b")};
    char one[65], two[65];

    holds(sign_tc3_expect(r, &by, date, S("H"), secret, one, NULL) == 0 && strlen(one) == 64);
    holds(sign_tc3_expect(r, &by, date, S("h"), secret, two, NULL) == 0 && strcmp(one, two) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n}, path, query, value;
    struct buf fc;

    if (n > MAX_INPUT)
        return 0;
    parses_stay_inside(rest);
    path = str_cut(&rest, '\n');
    query = str_cut(&rest, '\n');
    value = str_cut(&rest, '\n');
    const struct sign_header headers[] = {
            {S("Host"), S("h")}, {S("X-Sdk-Date"), date}, {S("x-fc-a"), value}, {S("b"), value}};
    const struct sign_request r = {.method = S("POST"),
                                   .path = path,
                                   .query = query,
                                   .headers = headers,
                                   .nheaders = 4,
                                   .body = rest};

    made_is_accepted(&r);
    escapes_do_not_matter(r);
    acs3_holds(r);
    tc3_holds(&r);
    forms_hold(rest);
    buf_init(&fc, 64);
    holds(sign_fc_compute(&r, path, true, secret, &fc, NULL) == 0 && fc.n == 44);
    buf_done(&fc);
    return 0;
}
