/* SPDX-License-Identifier: Apache-2.0 */
/*
 * responses.c - how a fault is said: in the form of the group's cloud, unless the group has words of
 * its own for this type of fault, or for all of its class.
 *
 *   FunctionGraph   {"error_code":"APIG.0101","error_msg":"...","request_id":"..."}
 *   FC              {"ErrorCode":"...","ErrorMessage":"..."} and X-Fc-Error-Type
 *   SCF             {"message":"..."}; for a function's answer {"errno":403,"error":"...",...}
 *
 * Status and sentence come from fault.c's table. FC has two gateways: HTTP triggers say 502 to an
 * answer they cannot use, API Gateway says 503 (function-compute.md 4.7).
 */
#include "gateway/call.h"

#include "base/json.h"
#include "gateway/map/reply.h"
#include "gateway/map/template.h"
#include "http/h1.h"

enum { WORDS_MAX = 64 << 10, SENTENCE_MAX = 4 << 10 };

struct said {
    struct gw_call *c;
    const struct gw_fault_row *row;
    const struct gw_wording *wording;
    struct str sentence;
};

/* The message with its detail where it says %s; without one it ends before it. */
static void add_sentence(struct str message, const char *detail, struct buf *out)
{
    ptrdiff_t at = str_find(message, S("%s"));

    if (at < 0) {
        buf_adds(out, message);
        return;
    }
    buf_add(out, message.p, (size_t)at);
    if (detail) {
        buf_addz(out, detail);
        buf_adds(out, str_from(message, (size_t)at + 2));
        return;
    }
    while (out->n > 0 && (out->p[out->n - 1] == ' ' || out->p[out->n - 1] == ':'))
        out->n--;
    if (out->n > 0)
        out->p[out->n] = '\0';
}

static bool is_of_function(enum gw_fault why)
{
    return why == GW_FUNCTION_FAILED || why == GW_BAD_ANSWER || why == GW_ANSWER_TOO_LARGE;
}

/* ---- the clouds' own forms ---- */

static void say_functiongraph(const struct said *s, struct jw *w)
{
    jw_kstrz(w, "error_code", s->wording->code);
    jw_kstr(w, "error_msg", s->sentence);
    jw_kstrz(w, "request_id", s->c->request_id);
}

static void say_fc(const struct said *s, struct jw *w)
{
    jw_kstrz(w, "ErrorCode", s->wording->code);
    jw_kstr(w, "ErrorMessage", s->sentence);
}

static void say_scf(const struct said *s, struct jw *w)
{
    struct buf text;

    if (s->row != &gw_faults[GW_FUNCTION_FAILED] && s->row != &gw_faults[GW_BAD_ANSWER]) {
        jw_kstr(w, "message", s->sentence);
        return;
    }
    buf_init(&text, SENTENCE_MAX);
    buf_addf(&text, "requestId %s , ", s->c->request_id);
    buf_adds(&text, s->sentence);
    jw_kint(w, "errno", s->wording->status);
    jw_kstr(w, "error", buf_str(&text));
    jw_kstrz(w, "message", "SCF invoke error");
    buf_done(&text);
}

static void say(const struct said *s, enum dialect dialect, struct buf *out)
{
    struct jw w;

    jw_init(&w, out);
    jw_obj(&w);
    switch (dialect) {
    case DIALECT_FUNCTIONGRAPH:
    case DIALECTS:
        say_functiongraph(s, &w);
        break;
    case DIALECT_FC:
        say_fc(s, &w);
        break;
    case DIALECT_SCF:
        say_scf(s, &w);
        break;
    }
    jw_obj_end(&w);
}

static int status_of(const struct gw_call *c, enum gw_fault why, enum dialect dialect)
{
    bool shaped = c->api && c->api->fn.answer == GW_ANSWER_OBJECT;

    if (dialect == DIALECT_FC && shaped && is_of_function(why))
        return 503;
    return gw_faults[why].by[dialect].status;
}

/* ---- the group's words ---- */

static const struct gw_response *find_response(const struct gw_call *c, const char *type)
{
    const struct gw_group *g = c->group;
    const char *own = c->api ? c->api->response : NULL;
    const char *set = own && own[0] ? own : g ? g->response_set : "";

    for (uint32_t i = 0; g && type && i < g->nresponses; i++)
        if (str_eq(str_of(g->responses[i].set), str_of(set)) &&
            str_eq(str_of(g->responses[i].type), str_of(type)))
            return &g->responses[i];
    return NULL;
}

static const struct gw_response *response_of(const struct gw_call *c, const char *type, int status)
{
    const struct gw_response *own = find_response(c, type);

    return own ? own : find_response(c, status < 500 ? "DEFAULT_4XX" : "DEFAULT_5XX");
}

/* What is known of the fault besides what is known of the call. */
static struct str value_of(void *user, struct str name)
{
    const struct said *s = user;
    struct str found;

    if (str_eq(name, S("$context.error.code")))
        return str_of(s->wording->code ? s->wording->code : "");
    if (str_eq(name, S("$context.error.message")))
        return s->sentence;
    if (str_eq(name, S("$context.error.type")))
        return str_of(s->row->type ? s->row->type : "");
    found = gw_system_value(s->c, name);
    if (!found.p && str_starts(name, S("$context.authorizer.")))
        return S(""); /* this authorizer did not say it */
    return found;
}

/* Those that are HTTP once they are filled in; Content-Type goes to its own place. */
static void own_headers(struct said *s, const struct gw_response *own, struct gw_worded *ret)
{
    struct shape_pair *to = arena_alloc(s->c->arena, (own->nheaders + 1) * sizeof(*to));
    size_t n = 0;

    for (uint32_t i = 0; to && i < own->nheaders; i++) {
        struct str name = str_of(own->headers[i].name), value;
        struct buf text;
        char *kept;

        buf_init(&text, SENTENCE_MAX);
        gw_expand(str_of(own->headers[i].value), GW_ESCAPE_NONE, value_of, s, &text);
        kept = arena_strdup(s->c->arena, buf_str(&text));
        value = (struct str){kept, kept ? text.n : 0};
        buf_done(&text);
        if (!kept || !h1_is_token(name) || !h1_is_value(value))
            continue;
        if (str_ieq(name, S("content-type")))
            ret->type = value;
        else
            to[n++] = (struct shape_pair){name, value};
    }
    ret->headers = (struct shape_list){to, n};
}

static void error_type(struct said *s, enum gw_fault why, struct gw_worded *ret)
{
    struct shape_pair *one = arena_alloc(s->c->arena, sizeof(*one));

    if (!one)
        return;
    *one = (struct shape_pair){S("X-Fc-Error-Type"), is_of_function(why)
                                                             ? S("UnhandledInvocationError")
                                                             : S("FcCommonError")};
    ret->headers = (struct shape_list){one, 1};
}

void gw_word(struct gw_call *c, enum gw_fault why, const char *detail, struct gw_worded *ret)
{
    enum dialect dialect = c->group ? c->group->dialect : DIALECT_FUNCTIONGRAPH;
    struct gw_wording wording = gw_faults[why].by[dialect];
    struct said s = {.c = c, .row = &gw_faults[why], .wording = &wording};
    const struct gw_response *own;
    struct buf sentence;

    wording.status = status_of(c, why, dialect);
    buf_init(&sentence, SENTENCE_MAX);
    add_sentence(str_of(wording.message), detail, &sentence);
    s.sentence = buf_str(&sentence);
    *ret = (struct gw_worded){.status = wording.status, .type = S("application/json")};
    buf_init(&ret->body, WORDS_MAX);
    if (dialect == DIALECT_FC)
        error_type(&s, why, ret);

    own = response_of(c, s.row->type, wording.status);
    if (own && own->status > 0)
        ret->status = own->status;
    if (own)
        own_headers(&s, own, ret);
    if (own && own->body)
        gw_expand(str_of(own->body), gw_escape_of(str_of(own->body)), value_of, &s, &ret->body);
    if (!own || !own->body || !buf_ok(&ret->body)) {
        buf_reset(&ret->body);
        say(&s, dialect, &ret->body);
    }
    ret->headers = gw_with_debug(c, ret->headers);
    buf_done(&sentence);
}
