/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_h1_chunk.c - the chunk decoder gives the same bytes and the same end however its input is
 * cut.
 *
 * Properties: whole, byte by byte and cut once at every place agree on result, output and what was
 * eaten; output is never longer than input. Oracle: llhttp decodes every body we accept to the same
 * bytes.
 */
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "http/h1.h"

enum { MAX_INPUT = 1024 };

struct result {
    int r;
    size_t used;
    struct buf out;
};

static void feed(struct h1_chunks *c, struct str in, struct result *ret)
{
    const char *why = NULL;
    struct str data;

    while (ret->r == 0 && in.n) {
        size_t before = in.n;

        ret->r = h1_chunk(c, &in, &data, &why);
        holds(in.n <= before && data.n <= before - in.n);
        holds(ret->r >= 0 || why);
        buf_adds(&ret->out, data);
        ret->used += before - in.n;
    }
}

/* Cut at `at`, or into single bytes when at is 0. */
static void decode(struct str in, size_t at, struct result *ret)
{
    struct h1_chunks c = {0};

    ret->r = 0;
    ret->used = 0;
    buf_reset(&ret->out);
    if (at) {
        feed(&c, (struct str){in.p, at}, ret);
        feed(&c, str_from(in, at), ret);
        return;
    }
    for (size_t i = 0; i < in.n; i++)
        feed(&c, (struct str){in.p + i, 1}, ret);
}

#ifdef HAVE_LLHTTP
#include <llhttp.h>

struct body {
    struct buf out;
    bool complete;
};

static int on_body(llhttp_t *p, const char *at, size_t n)
{
    buf_add(&((struct body *)p->data)->out, at, n);
    return 0;
}

static int on_complete(llhttp_t *p)
{
    ((struct body *)p->data)->complete = true;
    return HPE_PAUSED;
}

/* llhttp 8.1 takes "1;a=b" and "1;a;b", but not "1;a=b;c": legal, so not ours to refuse. */
static bool has_chained_values(struct str in)
{
    bool in_value = false;

    for (size_t i = 0; i < in.n; i++) {
        if (in_value && in.p[i] == ';')
            return true;
        in_value = in.p[i] == '=' || (in_value && in.p[i] != '\r');
    }
    return false;
}

static void check_oracle(struct str in, const struct result *want)
{
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct body b = {0};
    llhttp_settings_t settings;
    llhttp_t parser;

    if (has_chained_values(in))
        return;
    buf_init(&b.out, MAX_INPUT);
    llhttp_settings_init(&settings);
    settings.on_body = on_body;
    settings.on_message_complete = on_complete;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &b;
    (void)llhttp_execute(&parser, head, sizeof head - 1);
    (void)llhttp_execute(&parser, in.p, want->used);
    if (!b.complete)
        fprintf(stderr, "llhttp: %s\n", llhttp_get_error_reason(&parser));
    holds(b.complete);
    holds(str_eq(buf_str(&b.out), buf_str(&want->out)));
    buf_done(&b.out);
}
#else
static void check_oracle(struct str in, const struct result *want)
{
    (void)in;
    (void)want;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str in = {(const char *)data, n};
    struct result whole, other;

    if (n == 0 || n > MAX_INPUT)
        return 0;
    buf_init(&whole.out, MAX_INPUT);
    buf_init(&other.out, MAX_INPUT);
    decode(in, n, &whole);
    for (size_t at = 0; at < n; at++) {
        decode(in, at, &other);
        holds(other.r == whole.r);
        holds(str_eq(buf_str(&other.out), buf_str(&whole.out)));
        holds(whole.r < 0 || other.used == whole.used);
    }
    if (whole.r == 1)
        check_oracle(in, &whole);
    buf_done(&whole.out);
    buf_done(&other.out);
    return 0;
}
