/* SPDX-License-Identifier: Apache-2.0 */
/*
 * throttle.c - may this API be called once more in this period: by anybody, by this user, this app,
 * this address?
 *
 * All limits are looked at before one of them counts, so a call that is refused by one does not
 * use up another. A policy that several APIs share has an id, and that is what is counted by; else
 * each API counts for itself. Counters live by the clock that tests move (base/clock.h).
 *
 * Words and headers: "The throttling threshold has been reached: policy api over ratelimit,limit:5,
 * time:1 minute"; "X-Apig-RateLimit-api: remain:4,limit:5,time:1 minute" in debug mode.
 */
#include "gateway/guard/throttle_count.h"

#include "base/clock.h"
#include "gateway/call.h"
#include "gateway/guard/guard_parts.h"

enum { KEY_BYTES = 512, QUOTA_TEXT = 96 };

static const struct {
    const char *name, *header;
} quotas[GW_QUOTAS] = {
        [GW_QUOTA_API] = {"api", "X-Apig-RateLimit-api"},
        [GW_QUOTA_USER] = {"user", "X-Apig-RateLimit-user"},
        [GW_QUOTA_APP] = {"app", "X-Apig-RateLimit-app"},
        [GW_QUOTA_IP] = {"ip", "X-Apig-RateLimit-ip"},
};

static uint32_t limit_of(const struct gw_limit *l, enum gw_quota_of what)
{
    switch (what) {
    case GW_QUOTA_API:
        return l->api;
    case GW_QUOTA_USER:
        return l->user;
    case GW_QUOTA_APP:
        return l->app;
    case GW_QUOTA_IP:
        return l->ip;
    case GW_QUOTAS:
        break;
    }
    return 0;
}

/* Whose calls it counts; empty: nobody is known, so nothing is counted. */
static struct str whose(const struct gw_call *c, enum gw_quota_of what)
{
    switch (what) {
    case GW_QUOTA_API:
        return S("*");
    case GW_QUOTA_USER:
        return c->user;
    case GW_QUOTA_APP:
        return c->app_id;
    case GW_QUOTA_IP:
        return str_of(c->source_ip);
    case GW_QUOTAS:
        break;
    }
    return STR_NONE;
}

static void key_of(const struct gw_call *c, enum gw_quota_of what, struct buf *out)
{
    const struct gw_api *a = c->api;

    buf_reset(out);
    buf_addz(out, a->limit.id && a->limit.id[0] ? a->limit.id : a->id);
    buf_addc(out, '\0');
    buf_addz(out, a->limit.id && a->limit.id[0] ? "" : a->stage);
    buf_addc(out, '\0');
    buf_addc(out, (char)what);
    buf_adds(out, whose(c, what));
}

static enum gw_step refuse(struct gw_call *c, enum gw_quota_of what)
{
    struct buf period;

    buf_init(&period, QUOTA_TEXT);
    throttle_period(c->api->limit.period_ms, &period);
    gw_fail(c, GW_THROTTLED, "policy %s over ratelimit,limit:%u,time:%s", quotas[what].name,
            limit_of(&c->api->limit, what), period.p);
    buf_done(&period);
    return GW_ENDED;
}

/* The first limit that says no, or GW_QUOTAS; what is left of each is in the call. */
static enum gw_quota_of look(struct gw_call *c, struct buf *key, int64_t now_ms)
{
    for (enum gw_quota_of i = 0; i < GW_QUOTAS; i++) {
        uint32_t limit = limit_of(&c->api->limit, i), used;

        if (!limit || !whose(c, i).n)
            continue;
        key_of(c, i, key);
        used = throttle_count(c->guard->throttle, buf_str(key), c->api->limit.period_ms, now_ms);
        c->quota[i] = (struct gw_quota){limit, used < limit ? limit - used - 1 : 0};
        if (used >= limit)
            return i;
    }
    return GW_QUOTAS;
}

enum gw_step gw_throttle(struct gw_call *c)
{
    const struct gw_limit *l = &c->api->limit;
    int64_t now_ms;
    enum gw_quota_of full;
    struct buf key;

    if (!(l->api | l->user | l->app | l->ip))
        return GW_GO_ON;
    now_ms = clock_store_ms();
    buf_init(&key, KEY_BYTES);
    full = look(c, &key, now_ms);
    for (enum gw_quota_of i = 0; full == GW_QUOTAS && i < GW_QUOTAS; i++)
        if (c->quota[i].limit) {
            key_of(c, i, &key);
            throttle_add(c->guard->throttle, buf_str(&key), l->period_ms, now_ms);
        }
    buf_done(&key);
    return full == GW_QUOTAS ? GW_GO_ON : refuse(c, full);
}

size_t gw_quota_headers(struct gw_call *c, struct shape_pair ret[GW_QUOTAS])
{
    size_t n = 0;
    struct buf text;

    buf_init(&text, QUOTA_TEXT);
    for (enum gw_quota_of i = 0; i < GW_QUOTAS; i++) {
        char *kept;

        if (!c->quota[i].limit)
            continue;
        buf_reset(&text);
        buf_addf(&text, "remain:%u,limit:%u,time:", c->quota[i].left, c->quota[i].limit);
        throttle_period(c->api->limit.period_ms, &text);
        kept = arena_strdup(c->arena, buf_str(&text));
        if (kept)
            ret[n++] = (struct shape_pair){str_of(quotas[i].header), str_of(kept)};
    }
    buf_done(&text);
    return n;
}
