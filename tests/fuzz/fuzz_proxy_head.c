/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_proxy_head.c - the head of a request to the proxy gives one answer however its input is cut; a
 * host is a name; and what is passed on is one request to that host, whole, which a server reads with
 * the body the client said.
 */
#include <string.h>

#include "fuzz.h"
#include "proxy/head.h"

enum { MAX_INPUT = 2048 };

static struct proxy_request whole, part;
static struct h1_head read_back;

static void check_host(struct str host)
{
    holds(host.n > 0 && host.n <= PROXY_HOST_MAX);
    for (size_t i = 0; i < host.n; i++)
        holds((host.p[i] >= '0' && host.p[i] <= '9') || (host.p[i] >= 'a' && host.p[i] <= 'z') ||
              (host.p[i] >= 'A' && host.p[i] <= 'Z') || strchr(".-_:", host.p[i]));
}

static void check_passed_on(void)
{
    static const struct h1_limits limits = {64 << 10, 64 << 10, H1_MAX_HEADERS};
    const char *why = NULL;
    struct buf out;

    buf_init(&out, 2ul * PROXY_HEAD_MAX);
    proxy_put_head(&whole, &out);
    holds(buf_ok(&out));
    if (whole.head.nheaders + 2 <= H1_MAX_HEADERS) {
        holds(h1_head(buf_str(&out), &limits, &read_back, &why) == 1);
        holds(read_back.bytes == out.n && read_back.path.p[0] == '/');
        holds(str_eq(read_back.host, whole.head.host) && !read_back.keep_alive);
        holds(read_back.body == whole.head.body);
        holds(read_back.content_length == whole.head.content_length);
        holds(str_eq(read_back.method, whole.head.method));
    }
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str in = {(const char *)data, n};
    const char *why = NULL;
    bool decided = false;
    int r;

    if (n > MAX_INPUT)
        return 0;
    r = proxy_head(in, &whole, &why);
    holds(why);
    for (size_t i = 0; i < n; i++) {
        int s = proxy_head((struct str){in.p, i}, &part, &why);

        holds(s == r || (s == 0 && !decided));
        decided = decided || s != 0;
    }
    if (r != 1)
        return 0;
    holds(whole.bytes <= n && memcmp(in.p + whole.bytes - 4, "\r\n\r\n", 4) == 0);
    if (whole.kind == PROXY_SELF)
        return 0;
    check_host(whole.host);
    holds(whole.port > 0);
    if (whole.kind == PROXY_FORWARD)
        check_passed_on();
    return 0;
}
