/* SPDX-License-Identifier: Apache-2.0 */
/*
 * xml.c - XML out, and a strict reader for the few small documents that clients send.
 *
 * The reader knows elements and text. What makes XML dangerous it does not know at all: no document type,
 * so no entities of its own, no references to elsewhere. A document costs its own length, once.
 */
#include <errno.h>

#include "storage/internal.h"

/* ---- out ---- */

static void escape(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '<')
            buf_addz(out, "&lt;");
        else if (c == '>')
            buf_addz(out, "&gt;");
        else if (c == '&')
            buf_addz(out, "&amp;");
        else if (c == '"')
            buf_addz(out, "&quot;");
        else if (c < ' ' || c == 0x7f)
            buf_addf(out, "&#x%X;", c);
        else
            buf_addc(out, (char)c);
    }
}

void xml_begin(struct buf *out, const char *root)
{
    buf_addf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<%s>", root);
}

void xml_add(struct buf *out, const char *name, struct str text)
{
    buf_addf(out, "<%s>", name);
    escape(out, text);
    buf_addf(out, "</%s>", name);
}

void xml_addz(struct buf *out, const char *name, const char *text)
{
    xml_add(out, name, str_of(text));
}

void xml_addu(struct buf *out, const char *name, uint64_t n)
{
    buf_addf(out, "<%s>%llu</%s>", name, (unsigned long long)n, name);
}

/* ---- in ---- */

void xml_init(struct xml *x, struct str body, struct buf *text)
{
    *x = (struct xml){.rest = body, .text = text};
    if (str_starts(x->rest, S("\xef\xbb\xbf")))
        x->rest = str_from(x->rest, 3);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.' || c == ':';
}

static void utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
    } else if (c < 0x800) {
        buf_addc(out, (char)(0xc0 | c >> 6));
        buf_addc(out, (char)(0x80 | (c & 63)));
    } else if (c < 0x10000) {
        buf_addc(out, (char)(0xe0 | c >> 12));
        buf_addc(out, (char)(0x80 | (c >> 6 & 63)));
        buf_addc(out, (char)(0x80 | (c & 63)));
    } else {
        buf_addc(out, (char)(0xf0 | c >> 18));
        buf_addc(out, (char)(0x80 | (c >> 12 & 63)));
        buf_addc(out, (char)(0x80 | (c >> 6 & 63)));
        buf_addc(out, (char)(0x80 | (c & 63)));
    }
}

static int number(struct str digits, struct buf *out)
{
    uint32_t base = 10, c = 0;

    if (digits.n > 0 && digits.p[0] == 'x') {
        base = 16;
        digits = str_from(digits, 1);
    }
    if (digits.n == 0 || digits.n > 7)
        return -EINVAL;
    for (size_t i = 0; i < digits.n; i++) {
        char d = str_lower(digits.p[i]);
        uint32_t v = d >= '0' && d <= '9'   ? (uint32_t)(d - '0')
                     : d >= 'a' && d <= 'f' ? (uint32_t)(d - 'a') + 10
                                            : 99;

        if (v >= base)
            return -EINVAL;
        c = c * base + v;
    }
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return -EINVAL;
    utf8(out, c);
    return 0;
}

/* rest begins behind '&'. */
static int reference(struct xml *x)
{
    static const struct {
        const char *name;
        char c;
    } known[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    ptrdiff_t end = str_find((struct str){x->rest.p, x->rest.n < 12 ? x->rest.n : 12}, S(";"));
    struct str name;

    if (end < 0)
        return -EINVAL;
    name = (struct str){x->rest.p, (size_t)end};
    x->rest = str_from(x->rest, (size_t)end + 1);
    if (name.n > 0 && name.p[0] == '#')
        return number(str_from(name, 1), x->text);
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!str_eq(name, str_of(known[i].name)))
            continue;
        buf_addc(x->text, known[i].c);
        return 0;
    }
    return -EINVAL;
}

/* Past `end`. */
static int skip_to(struct xml *x, struct str end)
{
    ptrdiff_t at = str_find(x->rest, end);

    if (at < 0)
        return -EINVAL;
    x->rest = str_from(x->rest, (size_t)at + end.n);
    return 0;
}

static struct str take_name(struct xml *x)
{
    struct str name = {x->rest.p, 0};

    while (name.n < x->rest.n && is_name(x->rest.p[name.n]))
        name.n++;
    x->rest = str_from(x->rest, name.n);
    return name;
}

static void skip_space(struct xml *x)
{
    while (x->rest.n > 0 && is_space(x->rest.p[0]))
        x->rest = str_from(x->rest, 1);
}

/* ' name="value"' */
static int skip_attribute(struct xml *x)
{
    char quote;

    if (take_name(x).n == 0)
        return -EINVAL;
    skip_space(x);
    if (!str_starts(x->rest, S("=")))
        return -EINVAL;
    x->rest = str_from(x->rest, 1);
    skip_space(x);
    if (x->rest.n == 0 || (x->rest.p[0] != '"' && x->rest.p[0] != '\''))
        return -EINVAL;
    quote = x->rest.p[0];
    x->rest = str_from(x->rest, 1);
    return skip_to(x, (struct str){&quote, 1});
}

/* rest begins behind '<'. */
static int open_element(struct xml *x)
{
    struct str name = take_name(x);

    if (name.n == 0 || name.n > XML_NAME || x->depth == XML_DEPTH || (x->depth == 0 && x->began))
        return -EINVAL;
    x->began = true;
    for (;;) {
        skip_space(x);
        if (str_starts(x->rest, S(">"))) {
            x->rest = str_from(x->rest, 1);
            break;
        }
        if (str_starts(x->rest, S("/>"))) {
            x->rest = str_from(x->rest, 2);
            x->closing = true;
            break;
        }
        if (skip_attribute(x) < 0)
            return -EINVAL;
    }
    x->names[x->depth++] = name;
    buf_reset(x->text);
    return XML_OPEN;
}

/* rest begins behind '</'. The element stays on top until the next call. */
static int close_element(struct xml *x)
{
    struct str name = take_name(x);

    skip_space(x);
    if (x->depth == 0 || !str_eq(name, x->names[x->depth - 1]) || !str_starts(x->rest, S(">")))
        return -EINVAL;
    x->rest = str_from(x->rest, 1);
    return XML_CLOSE;
}

static int markup(struct xml *x)
{
    if (str_starts(x->rest, S("<?"))) /* a declaration */
        return skip_to(x, S("?>")) < 0 ? -EINVAL : -EAGAIN;
    if (str_starts(x->rest, S("<!--")))
        return skip_to(x, S("-->")) < 0 ? -EINVAL : -EAGAIN;
    if (str_starts(x->rest, S("<!"))) /* a document type, or CDATA */
        return -EINVAL;
    if (str_starts(x->rest, S("</"))) {
        x->rest = str_from(x->rest, 2);
        return close_element(x);
    }
    x->rest = str_from(x->rest, 1);
    return open_element(x);
}

int xml_next(struct xml *x)
{
    int r = -EAGAIN;

    if (x->closing) { /* <empty/>: its end */
        x->closing = false;
        x->popping = true;
        return XML_CLOSE;
    }
    if (x->popping) {
        x->popping = false;
        x->depth--;
        buf_reset(x->text);
    }
    while (r == -EAGAIN) {
        if (x->rest.n == 0)
            return x->depth == 0 && x->began ? XML_END : -EINVAL;
        if (x->rest.p[0] == '<') {
            r = markup(x);
        } else if (x->depth == 0) {
            if (!is_space(x->rest.p[0]))
                return -EINVAL;
            x->rest = str_from(x->rest, 1);
        } else if (x->rest.p[0] == '&') {
            x->rest = str_from(x->rest, 1);
            if (reference(x) < 0)
                return -EINVAL;
        } else {
            buf_addc(x->text, x->rest.p[0]);
            x->rest = str_from(x->rest, 1);
        }
    }
    if (r == XML_CLOSE)
        x->popping = true;
    return buf_ok(x->text) ? r : -EINVAL;
}
