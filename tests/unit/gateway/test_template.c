/* SPDX-License-Identifier: Apache-2.0 */
/* Variables of gateway responses: APIG User Guide, "Creating a Gateway Response" (apig_03_0008,
 * 2024-03-07) and "Context Variables". */
#include "t.h"

#include "base/json.h"
#include "gateway/map/template.h"

static struct str value_of(void *user, struct str name)
{
    (void)user;
    if (str_eq(name, S("$context.error.code")))
        return S("APIG.0101");
    if (str_eq(name, S("$context.reqPath")))
        return S("/a\"b\\<c>&'\n");
    if (str_eq(name, S("$context.stage")))
        return S("RELEASE");
    if (str_eq(name, S("$context.authorizer.frontend.user-1_x")))
        return S("$context.stage");
    if (str_eq(name, S("$context.empty")))
        return S("");
    return STR_NONE;
}

static void want(const char *text, enum gw_escape how, const char *expanded)
{
    struct buf out;

    buf_init(&out, 4096);
    gw_expand(str_of(text), how, value_of, NULL, &out);
    t_str(buf_str(&out), str_of(expanded));
    buf_done(&out);
}

static void variables_are_filled_in(void **state)
{
    (void)state;
    want("", GW_ESCAPE_NONE, "");
    want("none", GW_ESCAPE_NONE, "none");
    want("$context.stage", GW_ESCAPE_NONE, "RELEASE");
    want("a $context.stage b$context.error.code.", GW_ESCAPE_NONE, "a RELEASE bAPIG.0101.");
    want("$context.stage$context.stage", GW_ESCAPE_NONE, "RELEASERELEASE");
    want("$context.stage-1", GW_ESCAPE_NONE, "RELEASE-1");
    want("[$context.empty]", GW_ESCAPE_NONE, "[]");
}

static void what_is_no_variable_stays(void **state)
{
    (void)state;
    want("$context", GW_ESCAPE_NONE, "$context");
    want("$context.", GW_ESCAPE_NONE, "$context.");
    want("$context.nobody", GW_ESCAPE_NONE, "$context.nobody");
    want("$Context.stage", GW_ESCAPE_NONE, "$Context.stage");
    want("$context.stageless", GW_ESCAPE_NONE, "$context.stageless");
    want("$$context.stage", GW_ESCAPE_NONE, "$RELEASE");
    want("$context.authorizer.frontend.", GW_ESCAPE_NONE, "$context.authorizer.frontend.");
}

static void values_are_not_looked_into_again(void **state)
{
    (void)state;
    want("$context.authorizer.frontend.user-1_x.", GW_ESCAPE_NONE, "$context.stage.");
}

static void values_cannot_leave_their_place(void **state)
{
    (void)state;
    want("{\"p\":\"$context.reqPath\"}", GW_ESCAPE_JSON, "{\"p\":\"/a\\\"b\\\\\\u003cc>&'\\n\"}");
    want("<p>$context.reqPath</p>", GW_ESCAPE_HTML, "<p>/a&quot;b\\&lt;c&gt;&amp;&#39;\n</p>");
    assert_int_equal(gw_escape_of(S("{\"p\":\"$context.reqPath\"}")), GW_ESCAPE_JSON);
    assert_int_equal(gw_escape_of(S("<p>$context.reqPath</p>")), GW_ESCAPE_HTML);
    assert_int_equal(gw_escape_of(S("{\"p\":$context.reqPath}")), GW_ESCAPE_HTML);
    assert_int_equal(gw_escape_of(S("")), GW_ESCAPE_HTML);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(variables_are_filled_in),
            cmocka_unit_test(what_is_no_variable_stays),
            cmocka_unit_test(values_are_not_looked_into_again),
            cmocka_unit_test(values_cannot_leave_their_place),
    };

    return T_RUN(tests);
}
