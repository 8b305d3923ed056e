/* SPDX-License-Identifier: Apache-2.0 */
/*
 * match.c - the conditions of a query, from the cheap to the dear ones.
 *
 * An expression is about lines: it is tried on each line alone. To call PCRE2 ten million times
 * takes longer than to look at a gigabyte once, so a plain expression is first tried on the whole
 * text of a record, which finds the line to try it on. That is right only if every line that matches
 * alone is found so; what may look around itself, refuse to step back, or tell the start of the text
 * from the start of a line is therefore tried line by line from the first.
 */
#include "observe/logs/query.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "fn/outcome.h"

enum {
    MATCH_LIMIT = 200000,
    HEAP_LIMIT_KIB = 8192,
    JIT_STACK_FIRST = 32 << 10,
    JIT_STACK = 512 << 10,
    LOOK_EVERY = 64, /* tries between two looks at the clock */
};

/* What an honest expression takes, generously, and how much longer one may. */
#define TRY_NS   5000ull
#define BYTE_NS  20ull
#define SPARE_NS (1000ull * 1000 * 1000)

struct log_match {
    int64_t since_ms, until_ms;
    uint64_t request_hash;
    uint32_t version_hash;
    int status;
    struct str request_id, version; /* owned */
    bool plain;                     /* may be tried on many lines at once */
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    uint64_t begun_ns, tries, bytes; /* since log_match_begin() */
};

/* What a plain expression may have after a backslash besides signs. */
static bool plain_escape(char c)
{
    return strchr("dDwWsSbBt", c) ||
           !((c >= '0' && c <= '9') || (str_lower(c) >= 'a' && str_lower(c) <= 'z'));
}

static bool is_plain(struct str grep)
{
    if (str_starts(grep, S("(?i)")))
        grep = str_from(grep, 4);
    for (size_t i = 0; i < grep.n; i++) {
        char c = grep.p[i], next = (char)(i + 1 < grep.n ? grep.p[i + 1] : 0);

        if (c == '\\' && !plain_escape(next))
            return false;
        if (c == '(' && (next == '?' || next == '*'))
            return false;
        if (next == '+' && (c == '+' || c == '*' || c == '?' || c == '}'))
            return false;
        if (c == '\\')
            i++;
    }
    return true;
}

static int compile(struct log_match *m, struct str grep, struct err *e)
{
    uint32_t options =
            PCRE2_MULTILINE | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
    PCRE2_SIZE offset;
    PCRE2_UCHAR why[128];
    int code;

    if (grep.n > LOGS_GREP_MAX)
        return err_set(e, ERR_CALLER, -EINVAL, "grep: %zu bytes, at most %d are allowed", grep.n,
                       LOGS_GREP_MAX);
    m->code = pcre2_compile((PCRE2_SPTR)grep.p, grep.n, options, &code, &offset, NULL);
    if (!m->code) {
        pcre2_get_error_message(code, why, sizeof(why));
        return err_set(e, ERR_CALLER, -EINVAL, "grep: %s at offset %zu", (const char *)why, offset);
    }
    m->plain = is_plain(grep);
    m->context = pcre2_match_context_create(NULL);
    m->data = pcre2_match_data_create(1, NULL);
    m->stack = pcre2_jit_stack_create(JIT_STACK_FIRST, JIT_STACK, NULL);
    if (!m->context || !m->data || !m->stack)
        return err_set(e, ERR_HOST, -ENOMEM, "grep: no memory");
    (void)pcre2_jit_compile(m->code, PCRE2_JIT_COMPLETE); /* without it, it is slower */
    (void)pcre2_set_match_limit(m->context, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(m->context, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(m->context, NULL, m->stack);
    return 0;
}

/* Of this thread: neither the disk nor other threads make an expression slow. */
static uint64_t cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void log_match_begin(struct log_match *m)
{
    m->begun_ns = cpu_ns();
    m->tries = m->bytes = 0;
}

struct log_match *log_match_free(struct log_match *m)
{
    if (!m)
        return NULL;
    pcre2_code_free(m->code);
    pcre2_match_data_free(m->data);
    pcre2_match_context_free(m->context);
    pcre2_jit_stack_free(m->stack);
    free((char *)m->request_id.p);
    free((char *)m->version.p);
    free(m);
    return NULL;
}

int log_match_new(const struct logs_query *q, struct log_match **ret, struct err *e)
{
    struct log_match *m = xnew(struct log_match);
    int r;

    m->since_ms = q->since_ms;
    m->until_ms = q->until_ms;
    m->status = q->status;
    m->request_id = (struct str){str_dup(q->request_id), q->request_id.n};
    m->version = (struct str){str_dup(q->version), q->version.n};
    m->request_hash = log_hash(q->request_id);
    m->version_hash = seg_version_hash(q->version);
    log_match_begin(m);
    r = q->grep.n > 0 ? compile(m, q->grep, e) : 0;
    if (r < 0) {
        log_match_free(m);
        return r;
    }
    *ret = m;
    return 0;
}

bool log_match_has_grep(const struct log_match *m)
{
    return m->code != NULL;
}

bool log_match_entry(const struct log_match *m, const struct seg_entry *en)
{
    if (en->time_ms < m->since_ms || en->time_ms > m->until_ms)
        return false;
    if (en->kind == LOG_KIND_GAP)
        return true;
    if (m->request_id.n > 0 && en->request_hash != m->request_hash)
        return false;
    if (m->version.n > 0 && en->version_hash != m->version_hash)
        return false;
    if (m->status >= 0 && (!(en->flags & LOG_END) || en->outcome >= OUTCOMES ||
                           (int)outcome_class((enum outcome)en->outcome) != m->status))
        return false;
    return !m->code || en->text > 0;
}

/* PCRE2 bounds one try; a log has millions of lines, and a worker is busy with them. */
static bool takes_too_long(struct log_match *m)
{
    return ++m->tries % LOOK_EVERY == 0 &&
           cpu_ns() - m->begun_ns > SPARE_NS + m->tries * TRY_NS + m->bytes * BYTE_NS;
}

/* 1: there is a match in text at or after *at, which becomes where it begins. */
static int find(struct log_match *m, struct str text, size_t *at, struct err *e)
{
    int r = pcre2_match(m->code, (PCRE2_SPTR)text.p, text.n, *at, 0, m->data, m->context);

    if (r == PCRE2_ERROR_NOMATCH && !takes_too_long(m))
        return 0;
    if (r < 0)
        return err_set(e, ERR_CALLER, -EINVAL,
                       "grep: the expression takes too long on lines of this log, make it simpler");
    *at = pcre2_get_ovector_pointer(m->data)[0];
    return 1;
}

static int grep(struct log_match *m, struct str text, struct buf *lines, struct err *e)
{
    size_t from = 0;
    int r = 0;

    while (from < text.n) {
        size_t at = from, zero = 0, end;
        const char *before, *nl;

        if (m->plain) {
            r = find(m, text, &at, e);
            if (r <= 0)
                return r;
            if (at >= text.n)
                break;
            before = memrchr(text.p + from, '\n', at - from);
            from = before ? (size_t)(before - text.p) + 1 : from;
        }
        nl = memchr(text.p + from, '\n', text.n - from);
        end = nl ? (size_t)(nl - text.p) : text.n;
        r = find(m, (struct str){text.p + from, end - from}, &zero, e);
        if (r < 0)
            return r;
        end += nl ? 1 : 0;
        if (r > 0)
            buf_add(lines, text.p + from, end - from);
        from = end;
    }
    return 0;
}

int log_match_record(struct log_match *m, const struct log_record *r, struct buf *lines,
                     struct str *text, struct err *e)
{
    int rc;

    *text = r->text;
    if (r->kind == LOG_KIND_GAP)
        return 1;
    if ((m->request_id.n > 0 && !str_eq(m->request_id, r->request_id)) ||
        (m->version.n > 0 && !str_eq(m->version, r->version)))
        return 0;
    if (!m->code)
        return 1;
    buf_reset(lines);
    m->bytes += r->text.n;
    rc = grep(m, r->text, lines, e);
    *text = buf_str(lines);
    return rc < 0 ? rc : lines->n > 0;
}
