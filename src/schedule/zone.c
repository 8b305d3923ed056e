/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zone.c - a zone as a list of changes, and a rule for what comes after them.
 *
 * A TZif file (RFC 8536) holds its data twice: 32 bits wide for old readers, which we step over, and
 * 64 bits wide. Then comes one line of text, the rule by which the changes go on for ever in the
 * form of the POSIX variable TZ (tz_rule.c). Of the file we need the moments, the offsets and the
 * rule; names of zones and daylight flags are nobody's business here.
 *
 *   header | 32-bit data | header | 64-bit data: times, types of times, types, names, ... | \n rule \n
 *
 * Not libc's: TZ and tzset() are one zone for the whole process. A name goes into a path, so it is
 * looked at first: letters, digits, '_', '+', '-' and single slashes, no dots. What follows from
 * this machine and not from the name ("localtime") and zones that count leap seconds ("right/...")
 * are not offered.
 */
#include "schedule/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"
#include "base/obj.h"
#include "schedule/tz_rule.h"

struct zone {
    int32_t first; /* offset before the first change */
    uint32_t n;
    int64_t *at;      /* owned; ascending */
    int32_t *offsets; /* owned; from at[i] on */
    bool has_rule;
    struct tz_rule rule; /* from the last change on */
};

/* ---- the file ---- */

enum { HEADER = 44, TIME = 8, TYPE = 6, LEAP = 12 };

struct counts {
    uint64_t isut, isstd, leap, time, type, name;
};

static uint64_t big_endian(const char *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

/* Cuts a header off; its version, or -EINVAL. */
static int cut_header(struct str *rest, struct counts *ret)
{
    const char *p = rest->p;

    if (rest->n < HEADER || memcmp(p, "TZif", 4) != 0)
        return -EINVAL;
    *ret = (struct counts){
            .isut = big_endian(p + 20, 4),
            .isstd = big_endian(p + 24, 4),
            .leap = big_endian(p + 28, 4),
            .time = big_endian(p + 32, 4),
            .type = big_endian(p + 36, 4),
            .name = big_endian(p + 40, 4),
    };
    *rest = str_from(*rest, HEADER);
    return p[4];
}

static uint64_t data_bytes(const struct counts *c, uint64_t time_bytes)
{
    return c->time * (time_bytes + 1) + c->type * TYPE + c->name + c->leap * (time_bytes + 4) +
           c->isstd + c->isut;
}

static int read_offset(const struct counts *c, const char *types, uint8_t type, int32_t *ret)
{
    int32_t offset;

    if (type >= c->type)
        return -EINVAL;
    offset = (int32_t)big_endian(types + (size_t)type * TYPE, 4);
    if (offset < OFFSET_LEAST || offset > OFFSET_MOST)
        return -EINVAL;
    *ret = offset;
    return 0;
}

static int read_data(struct zone *z, const struct counts *c, const char *p)
{
    const char *kinds = p + c->time * TIME, *types = kinds + c->time;
    int r = read_offset(c, types, 0, &z->first);

    z->n = (uint32_t)c->time;
    z->at = xcalloc(z->n + 1, sizeof(*z->at));
    z->offsets = xcalloc(z->n + 1, sizeof(*z->offsets));
    for (uint32_t i = 0; r == 0 && i < z->n; i++) {
        z->at[i] = (int64_t)big_endian(p + (size_t)i * TIME, TIME);
        r = read_offset(c, types, (uint8_t)kinds[i], &z->offsets[i]);
        if (i > 0 && z->at[i] <= z->at[i - 1])
            r = -EINVAL;
    }
    return r;
}

static int read_rule(struct zone *z, struct str rest)
{
    struct str line;

    if (rest.n == 0 || rest.p[0] != '\n')
        return -EINVAL;
    rest = str_from(rest, 1);
    line = str_cut(&rest, '\n');
    if (!rest.p)
        return -EINVAL;
    z->has_rule = line.n > 0;
    return z->has_rule ? tz_rule_parse(line, &z->rule) : 0;
}

static int read_file(struct zone *z, struct str rest)
{
    struct counts c;
    int version = cut_header(&rest, &c), r;

    if (version < '2' || data_bytes(&c, 4) > rest.n)
        return -EINVAL;
    rest = str_from(rest, data_bytes(&c, 4));
    version = cut_header(&rest, &c);
    if (version < '2' || data_bytes(&c, TIME) > rest.n || c.leap > 0)
        return -EINVAL;

    r = read_data(z, &c, rest.p);
    if (r < 0)
        return r;
    return read_rule(z, str_from(rest, data_bytes(&c, TIME)));
}

int zone_parse(struct str tzif, struct zone **ret)
{
    struct zone *z;
    int r;

    if (tzif.n > ZONE_FILE)
        return -EINVAL;
    z = xnew(struct zone);
    r = read_file(z, tzif);
    if (r < 0) {
        zone_free(z);
        return r;
    }
    *ret = z;
    return 0;
}

struct zone *zone_free(struct zone *z)
{
    if (!z)
        return NULL;
    free(z->at);
    free(z->offsets);
    free(z);
    return NULL;
}

/* ---- by name ---- */

static bool is_name(struct str name)
{
    static const struct str not_offered[] = {S("localtime"), S("posixrules")};

    if (name.n == 0 || name.n > ZONE_NAME || str_starts(name, S("right/")) ||
        str_starts(name, S("posix/")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(not_offered); i++)
        if (str_eq(name, not_offered[i]))
            return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = str_lower(name.p[i]);
        bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        if (c == '/' ? i == 0 || i + 1 == name.n || name.p[i - 1] == '/'
                     : !letter && c != '_' && c != '+' && c != '-')
            return false;
    }
    return true;
}

static int read_zone(struct str name, struct zone **ret)
{
    const char *dir = getenv("TZDIR");
    char *path;
    struct buf file;
    int r;

    path = xasprintf("%s/%.*s", dir && dir[0] ? dir : "/usr/share/zoneinfo", STR_ARG(name));
    buf_init(&file, ZONE_FILE);
    r = io_read_file(AT_FDCWD, path, &file, NULL);
    if (r == 0)
        r = zone_parse(buf_str(&file), ret);
    buf_done(&file);
    free(path);
    return r;
}

int zone_load(struct str name, struct zone **ret, struct err *e)
{
    if (str_eq(name, S("UTC"))) {
        *ret = xnew(struct zone);
        return 0;
    }
    if (!is_name(name) || read_zone(name, ret) < 0)
        return err_set(e, ERR_CALLER, -ENOENT,
                       "'%.*s' is no time zone known here: give a name of the IANA list, as "
                       "Asia/Shanghai or Europe/Berlin",
                       (int)(name.n < ZONE_NAME ? name.n : ZONE_NAME), name.p ? name.p : "");
    return 0;
}

/* ---- what it says ---- */

static int32_t offset_after(const struct zone *z, uint32_t changes)
{
    return changes > 0 ? z->offsets[changes - 1] : z->first;
}

/* How many changes there were at s. */
static uint32_t changes_at(const struct zone *z, int64_t s)
{
    uint32_t lo = 0, hi = z->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (z->at[mid] <= s)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct zone_span zone_at(const struct zone *z, int64_t s)
{
    uint32_t i = changes_at(z, s);
    struct zone_span span = {
            .from = i > 0 ? z->at[i - 1] : INT64_MIN,
            .until = i < z->n ? z->at[i] : INT64_MAX,
            .offset = offset_after(z, i),
            .before = offset_after(z, i > 0 ? i - 1 : 0),
    };
    struct zone_span rule;

    if (i < z->n || !z->has_rule)
        return span;
    rule = tz_rule_at(&z->rule, s);
    if (rule.from > span.from)
        return rule;
    /* The rule begins to hold with the last change, in the middle of one of its spans. */
    span.until = rule.until;
    span.offset = rule.offset;
    return span;
}
