/* SPDX-License-Identifier: Apache-2.0 */
/*
 * params.c - the parameters that an API's definition declares, and those it makes for its backend.
 *
 * Before anybody runs: a declared parameter that is required must be there, one with a default is
 * put in its place, and where the definition says so values are checked, each of them if a name
 * comes several times. After the authorizer has spoken: what the backend is given besides, from the
 * request, from constants, and from $context.
 *
 * A parameter goes on to the backend under its own name whether it is declared or not, mapped or not:
 * functions see the whole request (docs/compat/apig.md). But a name that the definition fills from
 * $context is never the client's to fill: where an authorizer did not say the value, the backend sees
 * none.
 */
#include "gateway/map/params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/call.h"
#include "http/h1.h"

static const char *const places[] = {
        [GW_IN_PATH] = "PATH",
        [GW_IN_QUERY] = "QUERY",
        [GW_IN_HEADER] = "HEADER",
};

/* ---- values ---- */

/* Digits with a sign, a point, an exponent; nothing that strtod() takes besides. */
static bool to_number(struct str value, double *ret)
{
    char text[64], *end;

    if (value.n == 0 || value.n >= sizeof(text))
        return false;
    for (size_t i = 0; i < value.n; i++)
        if (!str_has(S("0123456789+-.eE"), value.p[i]))
            return false;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    *ret = strtod(text, &end);
    return *end == '\0' && end != text;
}

static int64_t characters(struct str value)
{
    int64_t n = 0;

    for (size_t i = 0; i < value.n; i++)
        n += ((uint8_t)value.p[i] & 0xc0) != 0x80;
    return n;
}

static bool is_one_of(struct str list, struct str value)
{
    while (list.p)
        if (str_eq(str_trim(str_cut(&list, ',')), value))
            return true;
    return false;
}

static const char *check_number(const struct gw_param *p, struct str value)
{
    double v;

    if (!to_number(value, &v))
        return "must be a number";
    if (p->has_min && v < p->min_num)
        return "is below its minimum";
    if (p->has_max && v > p->max_num)
        return "is above its maximum";
    return NULL;
}

static const char *check_text(const struct gw_param *p, struct str value)
{
    int64_t n = characters(value);

    if (p->min_size > 0 && n < p->min_size)
        return "is too short";
    if (p->max_size > 0 && n > p->max_size)
        return "is too long";
    return NULL;
}

const char *gw_param_check(const struct gw_param *p, struct str value)
{
    if (p->enumerations && p->enumerations[0] && !is_one_of(str_of(p->enumerations), value))
        return "is none of its values";
    return p->number ? check_number(p, value) : check_text(p, value);
}

/* ---- where they are ---- */

/* The next value of that parameter at or after *at; false: there is none. */
static bool next_value(const struct gw_call *c, const struct gw_param *p, size_t *at,
                       struct str *ret)
{
    struct str name = str_of(p->name);

    switch (p->place) {
    case GW_IN_PATH:
        for (; *at < c->match.ncaptures; ++*at)
            if (str_eq(c->match.captures[*at].name, name)) {
                *ret = c->match.captures[(*at)++].value;
                return true;
            }
        break;
    case GW_IN_QUERY:
        for (; *at < c->nquery; ++*at)
            if (str_eq(c->query[*at].name, name)) {
                *ret = c->query[(*at)++].value;
                return true;
            }
        break;
    case GW_IN_HEADER:
        for (; c->req && *at < c->req->nheaders; ++*at)
            if (str_ieq(c->req->headers[*at].name, name)) {
                *ret = c->req->headers[(*at)++].value;
                return true;
            }
        break;
    }
    return false;
}

/* Its first value, or its default. */
static bool value_of(const struct gw_call *c, const struct gw_param *p, struct str *ret)
{
    size_t at = 0;

    if (next_value(c, p, &at, ret))
        return true;
    *ret = str_of(p->preset);
    return p->preset != NULL;
}

/* ---- lists that grow in the arena ---- */

static struct shape_list *declared_in(struct gw_call *c, enum gw_place place)
{
    switch (place) {
    case GW_IN_PATH:
        return &c->path_params;
    case GW_IN_QUERY:
        return &c->query_params;
    case GW_IN_HEADER:
        return &c->header_params;
    }
    return NULL;
}

static struct shape_list *out_in(struct gw_call *c, enum gw_place place)
{
    switch (place) {
    case GW_IN_PATH:
        return &c->out_path;
    case GW_IN_QUERY:
        return &c->out_query;
    case GW_IN_HEADER:
        return &c->out_headers;
    }
    return NULL;
}

/* Room for all that the definition may add is made with the first. */
static int add(struct gw_call *c, struct shape_list *list, struct str name, struct str value)
{
    size_t most = (size_t)c->api->nparams + c->api->nouts;
    struct shape_pair *at = (struct shape_pair *)(uintptr_t)list->at;

    if (!at) {
        at = arena_alloc(c->arena, most * sizeof(*at));
        list->at = at;
    }
    if (!at || list->n == most)
        return -ENOMEM;
    at[list->n++] = (struct shape_pair){name, value};
    return 0;
}

/* ---- what comes in ---- */

static enum gw_step missing(struct gw_call *c, const struct gw_param *p)
{
    static const char *const scf[] = {
            [GW_IN_PATH] = "path variable",
            [GW_IN_QUERY] = "querystring",
            [GW_IN_HEADER] = "header",
    };

    if (c->group->dialect == DIALECT_SCF)
        gw_fail(c, GW_PARAMETER, "%s %s is required.", scf[p->place], p->name);
    else
        gw_fail(c, GW_PARAMETER, "parameter '%s' in %s is required", p->name, places[p->place]);
    return GW_ENDED;
}

static enum gw_step not_valid(struct gw_call *c, const struct gw_param *p, const char *why)
{
    if (c->group->dialect == DIALECT_SCF)
        gw_fail(c, GW_PARAMETER, "Get %s params fail.", p->name);
    else
        gw_fail(c, GW_PARAMETER, "parameter '%s' in %s %s", p->name, places[p->place], why);
    return GW_ENDED;
}

static enum gw_step take(struct gw_call *c, const struct gw_param *p)
{
    struct str value = STR_NONE, other;
    const char *wrong = NULL;
    size_t at = 0;
    bool there = next_value(c, p, &at, &value);

    if (!there && p->required && !p->preset)
        return missing(c, p);
    if (there && p->validate) {
        wrong = gw_param_check(p, value);
        while (!wrong && next_value(c, p, &at, &other))
            wrong = gw_param_check(p, other);
    }
    if (wrong)
        return not_valid(c, p, wrong);
    if (!there && p->preset) {
        value = str_of(p->preset);
        if (add(c, out_in(c, p->place), str_of(p->name), value) < 0)
            goto full;
        there = true;
    }
    if (there && add(c, declared_in(c, p->place), str_of(p->name), value) < 0)
        goto full;
    return GW_GO_ON;

full:
    gw_fail(c, GW_INTERNAL, "no room for the parameters");
    return GW_ENDED;
}

enum gw_step gw_params(struct gw_call *c)
{
    for (uint32_t i = 0; i < c->api->nparams; i++)
        if (take(c, &c->api->params[i]) == GW_ENDED)
            return GW_ENDED;
    return GW_GO_ON;
}

/* ---- what goes out ---- */

static bool value_from_request(const struct gw_call *c, const char *name, struct str *ret)
{
    for (uint32_t i = 0; i < c->api->nparams; i++)
        if (str_eq(str_of(c->api->params[i].name), str_of(name))) {
            bool there = value_of(c, &c->api->params[i], ret);

            *ret = there && !ret->p ? S("") : *ret; /* "?flag" */
            return there;
        }
    return false;
}

static bool value_for(struct gw_call *c, const struct gw_out *o, struct str *ret)
{
    switch (o->origin) {
    case GW_FROM_REQUEST:
        return value_from_request(c, o->value, ret);
    case GW_FROM_CONSTANT:
        *ret = str_of(o->value);
        return true;
    case GW_FROM_SYSTEM:
        *ret = gw_system_value(c, str_of(o->value));
        return true; /* what an authorizer did not say has no value, whatever the client says */
    }
    return false;
}

enum gw_step gw_map_out(struct gw_call *c)
{
    for (uint32_t i = 0; i < c->api->nouts; i++) {
        const struct gw_out *o = &c->api->outs[i];
        struct str value = STR_NONE;

        if (!value_for(c, o, &value))
            continue;
        if (o->place == GW_IN_HEADER && (!h1_is_token(str_of(o->name)) || !h1_is_value(value))) {
            gw_fail(c, GW_PARAMETER, "backend parameter '%s' cannot be sent in a header", o->name);
            return GW_ENDED;
        }
        if (add(c, out_in(c, o->place), str_of(o->name), value) < 0) {
            gw_fail(c, GW_INTERNAL, "no room for the parameters");
            return GW_ENDED;
        }
    }
    return GW_GO_ON;
}
