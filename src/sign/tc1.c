/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tc1.c - Tencent Cloud's earlier signature, which the Serverless Framework's plugin still sends:
 *
 *   METHOD host "/?" all fields but Signature, sorted by name, "name=value" joined by '&', not escaped
 *
 * and of that HMAC-SHA1 or HMAC-SHA256, in base64. The fields are those of the query (GET) or of the
 * form in the body (POST), nested names and all. Python and the component engine sign '_' in names as
 * '.', and sort what they sign.
 */
#include "sign/sign.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/uri.h"
#include "sign/canon.h"

struct field { /* views into `text`, which has room for all of them from the start */
    struct str name, value;
};

static int by_name(const void *a, const void *b)
{
    const struct field *x = a, *y = b;

    return str_cmp(x->name, y->name);
}

/* Decoded, or as it is when the escapes are malformed. */
static struct str add_decoded(struct str raw, struct buf *text)
{
    size_t at = text->n;

    if (uri_decode(raw, true, text) < 0) {
        text->n = at;
        buf_adds(text, raw);
    }
    return (struct str){text->p + at, text->n - at};
}

/* How many were written to list. */
static size_t read_fields(struct str form, bool dotted, struct field *list, struct buf *text)
{
    struct str rest = form, name, value;
    size_t n = 0;

    while (uri_query_next(&rest, &name, &value)) {
        struct field *f = &list[n];
        size_t at = text->n;

        f->name = add_decoded(name, text);
        for (size_t i = at; dotted && i < text->n; i++)
            if (text->p[i] == '_')
                text->p[i] = '.';
        f->value = add_decoded(value, text);
        n += !str_eq(f->name, S("Signature"));
    }
    return n;
}

static void add_plain(struct str method, struct str host, const struct field *list, size_t n,
                      struct buf *out)
{
    buf_adds(out, method);
    buf_adds(out, host);
    buf_addz(out, "/?");
    for (size_t i = 0; i < n; i++) {
        buf_addz(out, i ? "&" : "");
        buf_adds(out, list[i].name);
        buf_addc(out, '=');
        buf_adds(out, list[i].value);
    }
}

/* NOLINTNEXTLINE(readability-function-size): a parameter for each thing that a request may say otherwise */
int sign_tc1_expect(struct str method, struct str host, struct str form, bool sha256, bool dotted,
                    struct str secret_key, struct buf *out, struct err *e)
{
    cleanup_with(buf_done) struct buf text;
    cleanup_with(buf_done) struct buf plain;
    cleanup_free struct field *list = NULL;
    struct str rest = form, name, value;
    uint8_t mac[HMAC_MOST];
    size_t n = 0, len;

    /* A decoded form is never longer; what joins its fields takes the place of what joined them. */
    buf_init(&text, form.n + 1);
    buf_init(&plain, form.n + method.n + host.n + 16);
    while (uri_query_next(&rest, &name, &value))
        n++;
    if (n > CANON_PAIRS)
        return err_set(e, ERR_LIMIT, -EMSGSIZE, "the form has more than %d fields", CANON_PAIRS);
    if (!buf_room(&text, form.n))
        return err_set(e, ERR_HOST, -ENOMEM, "no memory for the form");
    list = xcalloc(n + 1, sizeof(*list));
    n = read_fields(form, dotted, list, &text);
    qsort(list, n, sizeof(*list), by_name);

    add_plain(method, host, list, n, &plain);
    len = hmac_named(sha256 ? S("sha256") : S("sha1"), secret_key, buf_str(&plain), mac);
    base64_encode((struct str){(const char *)mac, len}, out);
    return buf_ok(&plain) && buf_ok(out)
                   ? 0
                   : err_set(e, ERR_HOST, -ENOMEM, "no memory for what is signed");
}
