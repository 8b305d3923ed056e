/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_h1_head.c - the head parser gives one answer however its input is cut, and never accepts
 * what llhttp frames differently.
 *
 * Properties: a prefix gives "more" or the result of the whole; after a result no "more" comes
 * again; slices lie inside the head; the accepted bytes alone give the same result. Oracle: llhttp
 * accepts every head we accept, with the same framing, but for methods it does not know.
 */
#include <string.h>

#include "fuzz.h"
#include "http/h1.h"

enum { MAX_INPUT = 2048 };

static struct h1_head whole, part;

static bool inside(struct str s, struct str in)
{
    return s.n == 0 || str_eq(s, S("/")) || (s.p >= in.p && s.p + s.n <= in.p + in.n);
}

static void check_slices(const struct h1_head *h, struct str in)
{
    struct str head = {in.p, h->bytes};

    holds(h->bytes <= in.n);
    holds(str_ends(head, S("\r\n\r\n")));
    holds(inside(h->method, head) && inside(h->target, head) && inside(h->path, head));
    holds(inside(h->query, head) && inside(h->host, head));
    holds(h1_is_token(h->method) && h->path.n > 0);
    holds(h->minor == 0 || h->host.n > 0);
    for (uint32_t i = 0; i < h->nheaders; i++) {
        holds(inside(h->headers[i].name, head) && h1_is_token(h->headers[i].name));
        holds(inside(h->headers[i].value, head) && h1_is_value(h->headers[i].value));
    }
}

static void check_splits(struct str in, const struct h1_limits *limits, int want)
{
    const char *why = NULL;
    bool decided = false;

    for (size_t n = 0; n <= in.n; n++) {
        int r = h1_head((struct str){in.p, n}, limits, &part, &why);

        holds(why);
        holds(r == want || (r == 0 && !decided));
        decided = decided || r != 0;
        if (r == 1)
            holds(part.bytes == whole.bytes && part.nheaders == whole.nheaders &&
                  part.body == whole.body && part.content_length == whole.content_length &&
                  part.keep_alive == whole.keep_alive);
    }
}

#ifdef HAVE_LLHTTP
#include <llhttp.h>

struct framing {
    bool complete, chunked;
    uint64_t length;
};

static int on_headers_complete(llhttp_t *p)
{
    struct framing *f = p->data;

    f->complete = true;
    f->chunked = (p->flags & F_CHUNKED) != 0;
    f->length = p->flags & F_CONTENT_LENGTH ? p->content_length : 0;
    return HPE_PAUSED;
}

static bool llhttp_knows(struct str method)
{
    static const char *const known[] = {"DELETE", "GET",   "HEAD",     "POST",
                                        "PUT",    "PATCH", "PROPFIND", "OPTIONS"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (str_eq(method, str_of(known[i])))
            return true;
    return false;
}

static void check_oracle(struct str in)
{
    struct framing f = {0};
    llhttp_settings_t settings;
    llhttp_t parser;

    if (!llhttp_knows(whole.method))
        return;
    llhttp_settings_init(&settings);
    settings.on_headers_complete = on_headers_complete;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &f;
    (void)llhttp_execute(&parser, in.p, whole.bytes);
    if (!f.complete)
        fprintf(stderr, "llhttp: %s\n", llhttp_get_error_reason(&parser));
    holds(f.complete);
    holds(f.chunked == (whole.body == H1_BODY_CHUNKED));
    holds(f.length == whole.content_length);
    holds(llhttp_get_http_minor(&parser) == whole.minor);
}
#else
static void check_oracle(struct str in)
{
    (void)in;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct h1_limits sets[] = {{8192, 32768, 100}, {40, 120, 3}, {200, 100, 100}};
    struct str in = {(const char *)data, n};
    const char *why = NULL;

    if (n > MAX_INPUT)
        return 0;
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++) {
        int r = h1_head(in, &sets[i], &whole, &why);

        check_splits(in, &sets[i], r);
        if (r != 1)
            continue;
        holds(whole.bytes <= sets[i].head_bytes && whole.nheaders <= sets[i].headers);
        check_slices(&whole, in);
        check_oracle(in);
    }
    return 0;
}
