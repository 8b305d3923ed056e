/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "catalog/package.h"
#include "dialect/functiongraph/api/fg.h"
#include "t.h"

static struct fn *function(const char *runtime, const char *handler)
{
    struct fn_key key = {DIALECT_FUNCTIONGRAPH, S("p"), S("r"), S("default"), S("hello")};
    struct fn *f = fn_new(&key);

    fn_set(&f->runtime, str_of(runtime));
    fn_set(&f->handler, str_of(handler));
    return f;
}

/* Bytes as a client sends them; the caller frees base64 through b. */
static struct fg_code code_of(struct str bytes, bool inlined, struct buf *b)
{
    buf_init(b, 100 << 20);
    base64_encode(bytes, b);
    assert_true(buf_ok(b));
    return (struct fg_code){.inlined = inlined, .file = buf_str(b), .filename = S("")};
}

static struct str filled(size_t n, const char *start)
{
    char *p = malloc(n + 1);

    memset(p, '#', n);
    memcpy(p, start, strlen(start));
    return (struct str){p, n};
}

static void source_becomes_a_package_with_the_handlers_file(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = function("Python3.9", "src/app.main");
    cleanup_with(buf_done) struct buf b;
    cleanup_with(buf_done) struct buf out;
    struct fg_code code = code_of(S("x = 1\n"), true, &b);
    struct fg_package p = {0};
    struct fg_error x = {0};

    (void)state;
    buf_init(&out, 4096);
    t_ok(fg_prepare(&code, f, &p, &x), &x.e);
    assert_int_equal(p.size, 6);
    assert_true(p.zip.n > 6);
    t_ok(package_read_file(buf_str(&p.zip), S("src/app.py"), &out, &x.e), &x.e);
    t_str(buf_str(&out), S("x = 1\n"));
    buf_done(&p.zip);
}

static void a_zip_stays_as_it_was_sent_also_when_it_is_called_inline(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = function("Python3.9", "index.handler");

    (void)state;
    for (int inlined = 0; inlined <= 1; inlined++) {
        cleanup_with(buf_done) struct buf b;
        struct str zip = S("PK\x03\x04 and whatever follows");
        struct fg_code code = code_of(zip, inlined, &b);
        struct fg_package p = {0};
        struct fg_error x = {0};
        char digest[SHA512_HEX];

        t_ok(fg_prepare(&code, f, &p, &x), &x.e);
        t_str(buf_str(&p.zip), zip);
        assert_int_equal(p.size, zip.n);
        sha512_hex(zip, digest);
        assert_string_equal(p.digest, digest);
        buf_done(&p.zip);
    }
}

static void expect(struct str bytes, bool inlined, const char *code)
{
    cleanup_with(fn_unrefp) const struct fn *f = function("Python3.9", "index.handler");
    cleanup_with(buf_done) struct buf b;
    struct fg_code c = code_of(bytes, inlined, &b);
    struct fg_package p = {0};
    struct fg_error x = {0};
    int r = fg_prepare(&c, f, &p, &x);

    if (code && r >= 0)
        fail_msg("%zu bytes were accepted, not %s", bytes.n, code);
    if (!code && r < 0)
        fail_msg("%zu bytes were refused: %s", bytes.n, x.e.msg);
    if (code)
        assert_string_equal(x.code, code);
    buf_done(&p.zip);
}

static void inline_source_ends_at_10_kib(void **state)
{
    struct str s = filled(FG_INLINE_MAX + 1, "");

    (void)state;
    expect((struct str){s.p, FG_INLINE_MAX}, true, NULL);
    expect(s, true, "FSS.1072");
    free((char *)s.p);
}

static void a_package_ends_at_50_mib(void **state)
{
    struct str s = filled(FG_ZIP_MAX + 2, "PK\x03\x04");

    (void)state;
    expect((struct str){s.p, FG_ZIP_MAX}, false, NULL);
    expect((struct str){s.p, FG_ZIP_MAX + 1}, false, "FSS.1071");
    expect(s, false, "FSS.1071");
    free((char *)s.p);
}

static void what_is_no_zip_or_no_base64_is_refused(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = function("Python3.9", "index.handler");
    struct fg_code code = {.inlined = true, .file = S("a=b"), .filename = S("")};
    struct fg_package p = {0};
    struct fg_error x = {0};

    (void)state;
    expect(S("print(1)"), false, "FSS.1011");
    expect(S(""), false, "FSS.1012");
    assert_true(fg_prepare(&code, f, &p, &x) < 0);
    assert_string_equal(x.code, "FSS.1011");
    t_has(x.e.msg, "not base64");
}

static void no_code_gives_an_example_under_the_handlers_name(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = function("Python3.9", "app.main");
    cleanup_with(buf_done) struct buf out;
    struct fg_code code = {.inlined = true, .file = S(""), .filename = S("")};
    struct fg_package p = {0};
    struct fg_error x = {0};

    (void)state;
    buf_init(&out, 4096);
    t_ok(fg_prepare(&code, f, &p, &x), &x.e);
    t_ok(package_read_file(buf_str(&p.zip), S("app.py"), &out, &x.e), &x.e);
    t_has(out.p, "def main(event, context):");
    t_has(out.p, "hello");
    buf_done(&p.zip);
}

static void no_code_and_no_example_is_refused(void **state)
{
    cleanup_with(fn_unrefp) const struct fn *f = function("Java17", "com.example.Hello.run");
    struct fg_code code = {.inlined = true, .file = S(""), .filename = S("")};
    struct fg_package p = {0};
    struct fg_error x = {0};

    (void)state;
    assert_true(fg_prepare(&code, f, &p, &x) < 0);
    assert_string_equal(x.code, "FSS.1012");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(source_becomes_a_package_with_the_handlers_file),
            cmocka_unit_test(a_zip_stays_as_it_was_sent_also_when_it_is_called_inline),
            cmocka_unit_test(inline_source_ends_at_10_kib),
            cmocka_unit_test(a_package_ends_at_50_mib),
            cmocka_unit_test(what_is_no_zip_or_no_base64_is_refused),
            cmocka_unit_test(no_code_gives_an_example_under_the_handlers_name),
            cmocka_unit_test(no_code_and_no_example_is_refused),
    };

    return T_RUN(tests);
}
