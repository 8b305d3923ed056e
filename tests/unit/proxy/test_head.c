/* SPDX-License-Identifier: Apache-2.0 */
/* What a client asks of the proxy (proxy/head.h). */
#include "t.h"

#include "base/obj.h"
#include "proxy/head.h"

static struct proxy_request q;
static const char *why;

static int read_text(const char *text)
{
    return proxy_head(str_of(text), &q, &why);
}

static void connect_names_a_host_and_a_port(void **state)
{
    static const struct {
        const char *target, *host;
        uint16_t port;
    } good[] = {
            {"scf.tencentcloudapi.com:443", "scf.tencentcloudapi.com", 443},
            {"a:1", "a", 1},
            {"127.0.0.1:65535", "127.0.0.1", 65535},
            {"[::1]:80", "::1", 80},
            {"[::ffff:1.2.3.4]:8080", "::ffff:1.2.3.4", 8080},
            {"under_score.example:443", "under_score.example", 443},
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        (void)snprintf(text, sizeof(text), "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\nrest",
                       good[i].target);
        assert_int_equal(read_text(text), 1);
        assert_int_equal(q.kind, PROXY_CONNECT);
        t_str(q.host, str_of(good[i].host));
        assert_int_equal(q.port, good[i].port);
        assert_int_equal(q.bytes, strlen(text) - strlen("rest"));
    }
}

static void connect_refuses_what_is_no_authority(void **state)
{
    static const char *const bad[] = {
            "",
            "a",
            "a:",
            "a:0",
            "a:65536",
            "a:x",
            "a:443:443",
            ":443",
            "a b:443",
            "a/b:443",
            "http://a:443",
            "user@a:443",
            "a,b:443",
            "a;b:443",
            "DNS:x:443",
            "[::1:443",
            "[]:443",
            "[::1]",
            "[::1]443",
            "[a]b:443",
            "\xc3\xa4.example:443",
    };
    char text[512];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(text, sizeof(text), "CONNECT %s HTTP/1.1\r\n\r\n", bad[i]);
        if (read_text(text) != -400)
            fail_msg("'%s' is accepted", bad[i]);
    }
    assert_int_equal(read_text("CONNECT a:443\r\n\r\n"), -400);
    assert_int_equal(read_text("CONNECT a:443 HTTP/2.0\r\n\r\n"), -400);
    assert_int_equal(read_text("CONNECT  a:443 HTTP/1.1\r\n\r\n"), -400);
}

static void a_name_is_at_most_253_bytes(void **state)
{
    char text[512], name[PROXY_HOST_MAX + 2];

    (void)state;
    memset(name, 'a', sizeof(name));
    name[PROXY_HOST_MAX] = '\0';
    (void)snprintf(text, sizeof(text), "CONNECT %s:443 HTTP/1.1\r\n\r\n", name);
    assert_int_equal(read_text(text), 1);
    name[PROXY_HOST_MAX] = 'a';
    name[PROXY_HOST_MAX + 1] = '\0';
    (void)snprintf(text, sizeof(text), "CONNECT %s:443 HTTP/1.1\r\n\r\n", name);
    assert_int_equal(read_text(text), -400);
}

static void a_connect_ends_at_its_limit(void **state)
{
    static char text[PROXY_HEAD_MAX + 1];
    const char start[] = "CONNECT a:443 HTTP/1.1\r\nX: ";

    (void)state;
    memset(text, 'x', sizeof(text));
    memcpy(text, start, strlen(start));
    assert_int_equal(proxy_head((struct str){text, PROXY_HEAD_MAX - 1}, &q, &why), 0);
    assert_int_equal(proxy_head((struct str){text, PROXY_HEAD_MAX}, &q, &why), -431);
    memcpy(text + PROXY_HEAD_MAX - 4, "\r\n\r\n", 4);
    assert_int_equal(proxy_head((struct str){text, PROXY_HEAD_MAX}, &q, &why), 1);
    assert_int_equal(q.bytes, PROXY_HEAD_MAX);
}

static void check_forward(const char *text, const char *host, uint16_t port, bool secure,
                          const char *want)
{
    struct buf out;

    buf_init(&out, 4096);
    assert_int_equal(read_text(text), 1);
    assert_int_equal(q.kind, PROXY_FORWARD);
    t_str(q.host, str_of(host));
    assert_int_equal(q.port, port);
    assert_int_equal(q.secure, secure);
    proxy_put_head(&q, &out);
    t_str(buf_str(&out), str_of(want));
    buf_done(&out);
}

static void a_url_becomes_a_path(void **state)
{
    (void)state;
    check_forward("GET http://a.example/x?y=1 HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example", 80,
                  false, "GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    check_forward("GET http://a.example HTTP/1.0\r\n\r\n", "a.example", 80, false,
                  "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    check_forward("GET http://a.example:8080?y HTTP/1.1\r\nHost: a.example:8080\r\n\r\n",
                  "a.example", 8080, false,
                  "GET /?y HTTP/1.1\r\nHost: a.example:8080\r\nConnection: close\r\n\r\n");
    check_forward("POST HTTPS://[::1]/ HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab", "::1",
                  443, true,
                  "POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 2\r\nConnection: "
                  "close\r\n\r\n");
}

static void the_host_is_the_urls(void **state)
{
    (void)state;
    check_forward("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n", "a.example", 80,
                  false, "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
}

static void fields_for_us_go_no_further(void **state)
{
    (void)state;
    check_forward("POST http://a/ HTTP/1.1\r\nHost: a\r\nproxy-connection: keep-alive\r\n"
                  "Connection: X-One, Content-Length\r\nX-One: 1\r\nX-Two: 2\r\nTE: trailers\r\n"
                  "Proxy-Authorization: Basic eDp5\r\nUpgrade: h2c\r\nKeep-Alive: 5\r\n"
                  "Content-Length: 1\r\nAuthorization: secret\r\n\r\n",
                  "a", 80, false,
                  "POST / HTTP/1.1\r\nHost: a\r\nX-Two: 2\r\nContent-Length: 1\r\n"
                  "Authorization: secret\r\nConnection: close\r\n\r\n");
}

static void a_path_is_for_ourselves(void **state)
{
    (void)state;
    assert_int_equal(read_text("GET / HTTP/1.1\r\nHost: 127.0.0.1:8901\r\n\r\n"), 1);
    assert_int_equal(q.kind, PROXY_SELF);
    assert_int_equal(read_text("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"), 1);
    assert_int_equal(q.kind, PROXY_SELF);
}

static void bad_heads_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_text("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), -400);
    assert_int_equal(read_text("GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n"), -400);
    assert_int_equal(read_text("GET http://a/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n"),
                     -400);
    assert_int_equal(read_text("GET http://a:0/ HTTP/1.1\r\nHost: a\r\n\r\n"), -400);
    assert_int_equal(read_text("GET http://a:99999/ HTTP/1.1\r\nHost: a\r\n\r\n"), -400);
    assert_int_equal(read_text("\x16\x03\x01"), -400);
    assert_int_equal(read_text("CONN"), 0);
    assert_int_equal(read_text("CONNECT a:443 HTTP/1.1\r\n"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
            cmocka_unit_test(connect_names_a_host_and_a_port),
            cmocka_unit_test(connect_refuses_what_is_no_authority),
            cmocka_unit_test(a_name_is_at_most_253_bytes),
            cmocka_unit_test(a_connect_ends_at_its_limit),
            cmocka_unit_test(a_url_becomes_a_path),
            cmocka_unit_test(the_host_is_the_urls),
            cmocka_unit_test(fields_for_us_go_no_further),
            cmocka_unit_test(a_path_is_for_ourselves),
            cmocka_unit_test(bad_heads_are_refused),
    };

    return T_RUN(tests);
}
