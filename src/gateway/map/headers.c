/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headers.c - what stays on its own side of the gateway.
 *
 * A function may say what it likes about its answer but not about our connection: how long the body
 * is, how it is framed, whether the connection stays. A header that is not HTTP is refused with the
 * whole answer instead of being mended: whoever put a line end into a value wanted to see two
 * headers, or was made to by somebody else, and should hear of it.
 */
#include "gateway/map/headers.h"

#include <errno.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/obj.h"
#include "http/h1.h"

static const char *const hops[] = {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "proxy-connection",
        "trailer",
        "upgrade",
        "transfer-encoding",
};

static const char *const ours[] = {"content-length", "date", "x-request-id", "x-api-requestid"};
static const char *const our_prefixes[] = {"x-apig-", "x-fc-"};

static bool is_in(struct str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(name, str_of(list[i])))
            return true;
    return false;
}

bool gw_header_is_hop(struct str name)
{
    return is_in(name, hops, ARRAY_LEN(hops));
}

bool gw_header_is_named(struct str connection, struct str name)
{
    while (connection.p)
        if (str_ieq(str_trim(str_cut(&connection, ',')), name))
            return true;
    return false;
}

static bool is_ours(struct str name)
{
    if (is_in(name, ours, ARRAY_LEN(ours)))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(our_prefixes); i++) {
        struct str prefix = str_of(our_prefixes[i]);

        if (name.n >= prefix.n && str_ieq((struct str){name.p, prefix.n}, prefix))
            return true;
    }
    return false;
}

static int check(const struct shape_pair *h, size_t *total, struct err *e)
{
    enum { SHOWN = 80 };
    int n = (int)(h->name.n < SHOWN ? h->name.n : SHOWN);

    if (!h1_is_token(h->name))
        return err_set(e, ERR_FUNCTION, -EINVAL, "'%.*s' is no name of a header", n,
                       h->name.n ? h->name.p : "");
    if (!h1_is_value(h->value))
        return err_set(e, ERR_FUNCTION, -EINVAL,
                       "header '%.*s' has a value with a line end or another control character", n,
                       h->name.p);
    if (h->name.n + h->value.n > GW_HEADER_BYTES)
        return err_set(e, ERR_FUNCTION, -EMSGSIZE, "header '%.*s' has %zu bytes, over %d", n,
                       h->name.p, h->name.n + h->value.n, GW_HEADER_BYTES);
    *total += h->name.n + h->value.n;
    if (*total > GW_HEADERS_BYTES)
        return err_set(e, ERR_FUNCTION, -EMSGSIZE, "the headers are over %d bytes",
                       GW_HEADERS_BYTES);
    return 0;
}

static bool connection_names(struct shape_list from, struct str name)
{
    for (size_t i = 0; i < from.n; i++)
        if (str_ieq(from.at[i].name, S("connection")) && gw_header_is_named(from.at[i].value, name))
            return true;
    return false;
}

int gw_headers_pass(struct shape_list from, struct arena *space, struct shape_list *ret,
                    struct str *ret_type, struct err *e)
{
    struct shape_pair *to = arena_alloc(space, (from.n + 1) * sizeof(*to));
    struct str type = STR_NONE;
    size_t n = 0, total = 0;
    int r;

    if (!to)
        return err_set(e, ERR_HOST, -ENOMEM, "no memory for the headers");
    for (size_t i = 0; i < from.n; i++) {
        const struct shape_pair *h = &from.at[i];

        r = check(h, &total, e);
        if (r < 0)
            return r;
        if (str_ieq(h->name, S("content-type"))) {
            if (!type.p)
                type = h->value;
        } else if (!gw_header_is_hop(h->name) && !is_ours(h->name) &&
                   !connection_names(from, h->name)) {
            to[n++] = *h;
        }
    }
    *ret = (struct shape_list){to, n};
    *ret_type = type;
    return 0;
}
