/* SPDX-License-Identifier: Apache-2.0 */
/*
 * record.c - records of a log as bytes, little endian:
 *
 *    0 magic "ELR1" | 4 crc32c of all that follows | 8 size of all | 12 size of the text
 *   16 sequence     | 24 time, Unix ms             | 32 hash of the request id
 *   40 lines        | 44 kind flags outcome trigger
 *   48 duration ns  | 56 init ns | 64 billed ms | 72 memory     (a gap: lines lost, bytes lost, 0, 0)
 *   80 sizes: request id, instance, version (one byte each), 0, reason (two), 0, 0
 *   88 request id, instance, version, reason, text
 *
 * A record is found by its magic, believed by its sizes and trusted by its checksum. The checksum is
 * filled in by the thread that writes, because the loop has better things to do.
 */
#include "observe/logs/record.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/crypto.h"
#include "fn/outcome.h"

static const char MAGIC[4] = {'E', 'L', 'R', '1'};

enum { AT_CRC = 4, AT_SIZE = 8 };

static void put32(char *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof(v));
}

static void put64(char *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof(v));
}

static uint32_t get32(const char *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return le32toh(v);
}

static uint64_t get64(const char *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof(v));
    return le64toh(v);
}

static size_t at_most(size_t n, size_t max)
{
    return n < max ? n : max;
}

uint64_t log_hash(struct str name)
{
    uint64_t h = 0xcbf29ce484222325u;

    if (name.n == 0)
        return 0;
    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (uint8_t)name.p[i]) * 0x100000001b3u;
    return h;
}

uint32_t log_lines(struct str text)
{
    uint32_t lines = 0;

    while (text.n > 0) {
        const char *nl = memchr(text.p, '\n', text.n);

        lines++;
        if (!nl)
            break;
        text = str_from(text, (size_t)(nl - text.p) + 1);
    }
    return lines;
}

size_t log_record_size(const struct log_record *r, size_t text_n)
{
    return LOG_HEAD + at_most(r->request_id.n, LOG_NAME_MAX) +
           at_most(r->instance.n, LOG_NAME_MAX) + at_most(r->version.n, LOG_NAME_MAX) +
           at_most(r->reason.n, LOG_REASON_MAX) + text_n;
}

static char *put_str(char *p, struct str s)
{
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    return p + s.n;
}

void log_record_put(char *to, const struct log_record *r, struct str held, struct str text)
{
    bool gap = r->kind == LOG_KIND_GAP;
    struct str names[4] = {r->request_id, r->instance, r->version, r->reason};
    char *p = to + LOG_HEAD;

    for (size_t i = 0; i < 4; i++)
        names[i].n = at_most(names[i].n, i < 3 ? LOG_NAME_MAX : LOG_REASON_MAX);
    memcpy(to, MAGIC, sizeof(MAGIC));
    put32(to + AT_CRC, 0);
    put32(to + AT_SIZE, (uint32_t)log_record_size(r, held.n + text.n));
    put32(to + 12, (uint32_t)(held.n + text.n));
    put64(to + 16, r->seq);
    put64(to + 24, (uint64_t)r->time_ms);
    put64(to + 32, r->request_hash);
    put32(to + 40, r->lines);
    to[44] = (char)r->kind;
    to[45] = (char)r->flags;
    to[46] = (char)r->outcome;
    to[47] = (char)r->trigger;
    put64(to + 48, gap ? r->lost_lines : r->duration_ns);
    put64(to + 56, gap ? r->lost_bytes : r->init_ns);
    put64(to + 64, gap ? 0 : r->billed_ms);
    put64(to + 72, gap ? 0 : r->memory_bytes);
    put64(to + 80, names[0].n | names[1].n << 8 | names[2].n << 16 | (uint64_t)names[3].n << 32);
    for (size_t i = 0; i < 4; i++)
        p = put_str(p, names[i]);
    p = put_str(p, held);
    put_str(p, text);
}

void log_record_seal(char *record)
{
    put32(record + AT_CRC, crc32c(0, record + AT_SIZE, get32(record + AT_SIZE) - AT_SIZE));
}

/* The sizes agree with each other and are within their limits. */
static bool plausible(const char *p, uint32_t size, uint32_t text_n, const size_t names[4])
{
    if (size > LOG_RECORD_MAX || text_n > LOG_TEXT_MAX || names[3] > LOG_REASON_MAX)
        return false;
    if (size != LOG_HEAD + names[0] + names[1] + names[2] + names[3] + text_n)
        return false;
    return (uint8_t)p[44] < LOG_KINDS && (uint8_t)p[46] < OUTCOMES;
}

int64_t log_record_get(struct str bytes, bool check, struct log_record *ret)
{
    const char *p = bytes.p;
    struct log_record r = {0};
    struct str *texts[4] = {&r.request_id, &r.instance, &r.version, &r.reason};
    size_t names[4];
    uint32_t size, text_n;
    uint64_t sizes;

    if (bytes.n < LOG_HEAD)
        return bytes.n >= 4 && memcmp(p, MAGIC, 4) != 0 ? -EBADMSG : 0;
    if (memcmp(p, MAGIC, 4) != 0)
        return -EBADMSG;
    size = get32(p + AT_SIZE);
    text_n = get32(p + 12);
    sizes = get64(p + 80);
    for (size_t i = 0; i < 3; i++)
        names[i] = sizes >> 8 * i & 0xff;
    names[3] = sizes >> 32 & 0xffff;
    if (!plausible(p, size, text_n, names))
        return -EBADMSG;
    if (bytes.n < size)
        return 0;
    if (check && crc32c(0, p + AT_SIZE, size - AT_SIZE) != get32(p + AT_CRC))
        return -EBADMSG;

    r.seq = get64(p + 16);
    r.time_ms = (int64_t)get64(p + 24);
    r.request_hash = get64(p + 32);
    r.lines = get32(p + 40);
    r.kind = (enum log_kind)(uint8_t)p[44];
    r.flags = (uint8_t)p[45];
    r.outcome = (uint8_t)p[46];
    r.trigger = (uint8_t)p[47];
    if (r.kind == LOG_KIND_GAP) {
        r.lost_lines = get64(p + 48);
        r.lost_bytes = get64(p + 56);
    } else {
        r.duration_ns = get64(p + 48);
        r.init_ns = get64(p + 56);
        r.billed_ms = get64(p + 64);
        r.memory_bytes = get64(p + 72);
    }
    p += LOG_HEAD;
    for (size_t i = 0; i < 4; i++) {
        *texts[i] = (struct str){p, names[i]};
        p += names[i];
    }
    r.text = (struct str){p, text_n};
    *ret = r;
    return size;
}

size_t log_record_find(struct str bytes, size_t from)
{
    while (from < bytes.n) {
        const char *p = memchr(bytes.p + from, MAGIC[0], bytes.n - from);
        struct log_record r;

        if (!p)
            break;
        from = (size_t)(p - bytes.p);
        if (log_record_get(str_from(bytes, from), true, &r) > 0)
            return from;
        from++;
    }
    return bytes.n;
}
