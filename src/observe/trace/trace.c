/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trace.c - W3C trace context.
 *
 * Read strictly: a header that is not exactly of the standard's form counts as none, and a new trace
 * begins. Repeating somebody's mistake would break the traces of everybody behind us.
 */
#include "observe/trace/trace.h"

#include <errno.h>
#include <stdio.h>

#include "base/crypto.h"

enum { VERSION_00 = 55, MEMBERS = 32, KEY = 256 };

static bool nibble(char c, uint8_t *ret)
{
    if (c >= '0' && c <= '9')
        *ret = (uint8_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
        *ret = (uint8_t)(c - 'a' + 10);
    else
        return false;
    return true;
}

/* n bytes from 2n lower-case hex digits; *ret_any: not all zero. */
static bool take_hex(struct str *s, uint8_t *out, size_t n, bool *ret_any)
{
    *ret_any = false;
    if (s->n < 2 * n)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint8_t high, low;

        if (!nibble(s->p[2 * i], &high) || !nibble(s->p[2 * i + 1], &low))
            return false;
        out[i] = (uint8_t)(high << 4 | low);
        *ret_any = *ret_any || out[i];
    }
    *s = str_from(*s, 2 * n);
    return true;
}

static bool take_dash(struct str *s)
{
    if (s->n == 0 || s->p[0] != '-')
        return false;
    *s = str_from(*s, 1);
    return true;
}

int trace_parse(struct str s, struct run_trace *ret)
{
    struct run_trace t = {0};
    uint8_t version, flags;
    size_t n = s.n;
    bool any, has_trace, has_parent;

    if (!take_hex(&s, &version, 1, &any) || version == 0xff || !take_dash(&s) ||
        !take_hex(&s, t.trace_id, sizeof(t.trace_id), &has_trace) || !take_dash(&s) ||
        !take_hex(&s, t.parent_id, sizeof(t.parent_id), &has_parent) || !take_dash(&s) ||
        !take_hex(&s, &flags, 1, &any) || !has_trace || !has_parent)
        return -EINVAL;
    if (version == 0 ? n != VERSION_00 : s.n > 0 && s.p[0] != '-')
        return -EINVAL;
    t.sampled = flags & 1;
    *ret = t;
    return 0;
}

/* key = ( lcalpha / DIGIT ) 0*255( lcalpha / DIGIT / "_" / "-" / "*" / "/" / "@" ) */
static bool key_ok(struct str key)
{
    for (size_t i = 0; i < key.n; i++) {
        char c = key.p[i];
        bool first = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        if (!first && (i == 0 || (c != '_' && c != '-' && c != '*' && c != '/' && c != '@')))
            return false;
    }
    return key.n > 0 && key.n <= KEY;
}

/* Printable, without ',' and '=', up to 256, the last one no blank. */
static bool value_ok(struct str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (value.p[i] < 0x20 || value.p[i] > 0x7e || value.p[i] == ',' || value.p[i] == '=')
            return false;
    return value.n > 0 && value.n <= KEY && value.p[value.n - 1] != ' ';
}

bool trace_state_ok(struct str s)
{
    struct str keys[MEMBERS];
    size_t n = 0, members = 0;

    if (s.n == 0 || s.n > TRACE_STATE)
        return false;
    while (s.p) {
        struct str value = str_trim(str_cut(&s, ',')), key;

        if (++members > MEMBERS)
            return false;
        if (value.n == 0)
            continue; /* empty members are allowed */
        key = str_cut(&value, '=');
        if (!value.p || !key_ok(key) || !value_ok(value))
            return false;
        for (size_t i = 0; i < n; i++)
            if (str_eq(keys[i], key))
                return false;
        keys[n++] = key;
    }
    return n > 0;
}

void trace_print(const struct run_trace *t, char out[TRACE_PARENT])
{
    char trace_id[33], span_id[17];

    hex_encode(t->trace_id, sizeof(t->trace_id), trace_id);
    hex_encode(t->span_id, sizeof(t->span_id), span_id);
    (void)snprintf(out, TRACE_PARENT, "00-%s-%s-%02x", trace_id, span_id, t->sampled ? 1U : 0U);
}

int trace_ratio(struct str s, uint64_t *ret)
{
    struct str whole = str_cut(&s, '.');
    uint64_t one, part = 0, scale = 1;

    if (str_u64(whole, 0, 1, &one) < 0 || whole.n != 1 || (s.p && (s.n == 0 || s.n > 9)))
        return -EINVAL;
    if (s.p && str_u64(s, 0, 999999999, &part) < 0)
        return -EINVAL;
    for (size_t i = 0; i < s.n; i++)
        scale *= 10;
    if (one && part)
        return -EINVAL;
    *ret = (one << 32) + (part << 32) / scale;
    return 0;
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

/* xoshiro256**, Blackman and Vigna, public domain: https://prng.di.unimi.it/ */
static uint64_t next(struct tracer *t)
{
    uint64_t *s = t->state, result = rotl(s[1] * 5, 7) * 9, shifted = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotl(s[3], 45);
    return result;
}

void tracer_init(struct tracer *t, uint64_t ratio)
{
    random_bytes(t->state, sizeof(t->state));
    t->state[0] |= 1; /* never all zero */
    t->ratio = ratio;
}

void tracer_span(struct tracer *t, uint8_t id[8])
{
    uint64_t v;

    do
        v = next(t);
    while (v == 0);
    memcpy(id, &v, sizeof(v));
}

void tracer_begin(struct tracer *t, struct str traceparent, struct str tracestate, bool always,
                  struct run_trace *ret)
{
    if (trace_parse(traceparent, ret) == 0) {
        ret->state = trace_state_ok(tracestate) ? tracestate : STR_NONE;
    } else {
        *ret = (struct run_trace){0};
        tracer_span(t, ret->trace_id);
        tracer_span(t, ret->trace_id + 8);
        ret->sampled = always || (next(t) >> 32) < t->ratio;
    }
    tracer_span(t, ret->span_id);
}
