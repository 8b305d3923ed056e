/* SPDX-License-Identifier: Apache-2.0 */
/*
 * template.c - fills the variables into a group's own words for a fault.
 *
 * Values come from the request (its path, say), so they are escaped for what stands around them. A
 * body that is JSON stays JSON, as every variable in it stands inside of a text; of any other it is
 * not known how a client will read it, and HTML is the dangerous one.
 */
#include "gateway/map/template.h"

#include "base/json.h"

static const struct str prefix = {"$context.", 9};
static const struct str of_authorizer[] = {
        {"authorizer.frontend.", 20},
        {"authorizer.backend.", 19},
};

enum gw_escape gw_escape_of(struct str body)
{
    return json_valid(body, NULL) ? GW_ESCAPE_JSON : GW_ESCAPE_HTML;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* text begins with the prefix: how long the variable is. */
static size_t variable_length(struct str text)
{
    struct str rest = str_from(text, prefix.n);
    size_t n = 0;

    for (size_t i = 0; i < 2; i++)
        if (str_starts(rest, of_authorizer[i])) {
            for (n = of_authorizer[i].n; n < rest.n && is_name(rest.p[n]);)
                n++;
            return prefix.n + n;
        }
    while (n < rest.n && (is_letter(rest.p[n]) || rest.p[n] == '.'))
        n++;
    while (n > 0 && rest.p[n - 1] == '.')
        n--;
    return prefix.n + n;
}

static void add_html(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '&':
            buf_adds(out, S("&amp;"));
            break;
        case '<':
            buf_adds(out, S("&lt;"));
            break;
        case '>':
            buf_adds(out, S("&gt;"));
            break;
        case '"':
            buf_adds(out, S("&quot;"));
            break;
        case '\'':
            buf_adds(out, S("&#39;"));
            break;
        default:
            buf_addc(out, s.p[i]);
            break;
        }
    }
}

/* '<' too: a client that takes JSON for HTML sees no tag. */
static void add_json(struct str s, struct buf *out)
{
    struct buf quoted;

    buf_init(&quoted, out->max);
    json_quote(&quoted, s);
    if (!buf_ok(&quoted))
        out->failed = true;
    for (size_t i = 1; i + 1 < quoted.n; i++) {
        if (quoted.p[i] == '<')
            buf_adds(out, S("\\u003c"));
        else
            buf_addc(out, quoted.p[i]);
    }
    buf_done(&quoted);
}

static void add_value(struct str value, enum gw_escape how, struct buf *out)
{
    switch (how) {
    case GW_ESCAPE_NONE:
        buf_adds(out, value);
        break;
    case GW_ESCAPE_JSON:
        add_json(value, out);
        break;
    case GW_ESCAPE_HTML:
        add_html(value, out);
        break;
    }
}

void gw_expand(struct str text, enum gw_escape how, gw_value *value, void *user, struct buf *out)
{
    ptrdiff_t at;

    while ((at = str_find(text, prefix)) >= 0) {
        struct str name = str_from(text, (size_t)at), found;

        buf_add(out, text.p, (size_t)at);
        name.n = variable_length(name);
        text = str_from(text, (size_t)at + name.n);
        found = value(user, name);
        if (found.p)
            add_value(found, how, out);
        else
            buf_adds(out, name);
    }
    buf_adds(out, text);
}
