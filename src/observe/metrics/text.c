/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.c - the table of metrics written down: with its figures as the text format of Prometheus,
 * with its words as the list in docs/metrics.md.
 *
 * A figure that is not known on this host is FIGURE_UNKNOWN and has no sample; a histogram without
 * an observation has none either. So what is 0 was counted.
 *
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/, text format 0.0.4.
 */
#include <string.h>

#include "base/buf.h"
#include "observe/metrics/table.h"

enum { LABELS_MAX = 256 << 10 };

static const char *const triggers[RUN_TRIGGERS] = {
        [RUN_HTTP] = "http",
        [RUN_TIMER] = "timer",
        [RUN_PUBSUB] = "pubsub",
        [RUN_OTHER] = "other",
};

static const char *const types[] = {
        [METRIC_COUNTER] = "counter",
        [METRIC_GAUGE] = "gauge",
        [METRIC_HISTOGRAM] = "histogram",
};

/* ---- lines ---- */

/* In its base unit: seconds, bytes. Whole numbers without a point; others to the ninth place, with
 * trailing zeros cut. */
static void put_value(struct buf *out, enum unit unit, uint64_t v)
{
    static const unsigned decimals[] = {[ONE] = 0, [BYTES] = 0, [MS] = 3, [US] = 6, [NS] = 9};
    uint64_t whole = 1;

    for (unsigned i = 0; i < decimals[unit]; i++)
        whole *= 10;
    if (v % whole == 0) {
        buf_addu(out, v / whole);
        return;
    }
    buf_addfix(out, v, decimals[unit]);
    while (out->n > 0 && out->p[out->n - 1] == '0')
        out->p[--out->n] = '\0';
}

void metrics_put_label(struct buf *out, struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        char c = value.p[i];

        if (c == '\\' || c == '"')
            buf_addc(out, '\\');
        if (c == '\n')
            buf_adds(out, S("\\n"));
        else
            buf_addc(out, c);
    }
}

static void end_line(struct buf *out, enum unit unit, uint64_t v)
{
    buf_addc(out, ' ');
    put_value(out, unit, v);
    buf_addc(out, '\n');
}

static void put_sample(struct buf *out, const struct metric *m, struct str labels, uint64_t v)
{
    buf_addz(out, m->name);
    if (labels.n > 0) {
        buf_addc(out, '{');
        buf_adds(out, labels);
        buf_addc(out, '}');
    }
    end_line(out, m->unit, v);
}

static void put_histogram(struct buf *out, const struct metric *m, struct str labels,
                          const struct hist *h)
{
    const struct hist_shape *shape = &hist_shapes[m->hist];
    struct str name = str_of(m->name);
    uint64_t below = 0;

    if (h->count == 0)
        return;
    for (uint32_t i = 0; i <= shape->n; i++) {
        below += h->n[i];
        buf_adds(out, name);
        buf_adds(out, S("_bucket{"));
        buf_adds(out, labels);
        buf_adds(out, S(",le=\""));
        if (i < shape->n)
            put_value(out, m->unit, shape->bounds[i]);
        else
            buf_adds(out, S("+Inf"));
        buf_adds(out, S("\"}"));
        end_line(out, ONE, below);
    }
    buf_adds(out, name);
    buf_adds(out, S("_sum{"));
    buf_adds(out, labels);
    buf_addc(out, '}');
    end_line(out, m->unit, h->sum);
    buf_adds(out, name);
    buf_adds(out, S("_count{"));
    buf_adds(out, labels);
    buf_addc(out, '}');
    end_line(out, ONE, h->count);
}

/* ---- samples ---- */

static uint64_t at(const void *base, size_t offset)
{
    return *(const uint64_t *)(const void *)((const char *)base + offset);
}

static void put_platform(struct buf *out, const struct metric *m, const struct platform *p,
                         struct buf *labels)
{
    uint64_t v = at(p, m->offset);

    if (v == FIGURE_UNKNOWN)
        return;
    buf_reset(labels);
    if (m->label)
        buf_addf(labels, "%s=\"%s\"", m->label, m->value);
    put_sample(out, m, buf_str(labels), v);
}

static void put_replies(struct buf *out, const struct metric *m, const struct platform *p,
                        struct buf *labels)
{
    for (size_t api = 0; api < PLATFORM_APIS && p->apis[api].name; api++)
        for (size_t class = 2; class < STATUS_CLASSES; class ++) {
            buf_reset(labels);
            buf_addf(labels, "api=\"%s\",status=\"%zuxx\"", p->apis[api].name, class);
            put_sample(out, m, buf_str(labels), p->apis[api].replies[class]);
        }
}

static void put_faults(struct buf *out, const struct metric *m, const struct platform *p,
                       struct buf *labels)
{
    for (size_t i = 0; i < PLATFORM_FAULTS && p->gw_faults[i].name; i++) {
        buf_reset(labels);
        buf_addf(labels, "fault=\"%s\"", p->gw_faults[i].name);
        put_sample(out, m, buf_str(labels), p->gw_faults[i].n);
    }
}

static void put_workers(struct buf *out, const struct metric *m, const struct platform *p,
                        struct buf *labels)
{
    for (size_t i = 0; i < PLATFORM_WORKERS && p->workers[i].name[0]; i++) {
        uint64_t v = at(&p->workers[i], m->offset);

        if (v == FIGURE_UNKNOWN)
            continue;
        buf_reset(labels);
        buf_adds(labels, S("worker=\""));
        metrics_put_label(labels, str_of(p->workers[i].name));
        buf_addc(labels, '"');
        put_sample(out, m, buf_str(labels), v);
    }
}

static void label_function(struct buf *labels, const struct snapshot_function *f)
{
    buf_reset(labels);
    buf_adds(labels, S("function=\""));
    metrics_put_label(labels, f->path);
    buf_addc(labels, '"');
}

static void put_series(struct buf *out, const struct metric *m, const struct snapshot *s,
                       struct buf *labels)
{
    for (size_t i = 0; i < s->n; i++)
        for (uint32_t k = 0; k < s->functions[i].nseries; k++) {
            const struct series *series = &s->functions[i].series[k];

            label_function(labels, &s->functions[i]);
            buf_adds(labels, S(",version=\""));
            metrics_put_label(labels, str_of(series->version));
            buf_adds(labels, S("\",trigger=\""));
            buf_addz(labels, triggers[series->trigger]);
            buf_addc(labels, '"');
            if (m->type == METRIC_HISTOGRAM)
                put_histogram(out, m, buf_str(labels), &series->hists[m->hist]);
            else
                put_sample(out, m, buf_str(labels), at(series, m->offset));
        }
}

static uint64_t use_at(const struct metrics_use *use, size_t offset)
{
    if (offset == offsetof(struct metrics_use, memory_bytes))
        return use->memory_bytes;
    return *(const uint32_t *)(const void *)((const char *)use + offset);
}

static void put_use(struct buf *out, const struct metric *m, const struct snapshot *s,
                    struct buf *labels)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->functions[i].used) {
            label_function(labels, &s->functions[i]);
            put_sample(out, m, buf_str(labels), use_at(&s->functions[i].use, m->offset));
        }
}

static void put_events(struct buf *out, const struct metric *m, const struct snapshot *s,
                       struct buf *labels)
{
    static const char *const keys[] = {"function", "source", "trigger"};

    for (size_t i = 0; i < s->nevents; i++) {
        const struct metrics_events *row = &s->events[i];
        const struct str values[] = {row->function, row->source, row->trigger};

        buf_reset(labels);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            buf_addf(labels, "%s%s=\"", k ? "," : "", keys[k]);
            metrics_put_label(labels, values[k]);
            buf_addc(labels, '"');
        }
        if (m->label)
            buf_addf(labels, ",%s=\"%s\"", m->label, m->value);
        put_sample(out, m, buf_str(labels), at(row, m->offset));
    }
}

static void put_family_head(struct buf *out, const struct metric *m)
{
    buf_addf(out, "# HELP %s ", m->name);
    buf_addz(out, m->help);
    buf_addf(out, "\n# TYPE %s %s\n", m->name, types[m->type]);
}

void metrics_write(const struct snapshot *s, struct buf *out)
{
    struct buf labels;

    buf_init(&labels, LABELS_MAX);
    for (size_t i = 0; i < metrics_rows; i++) {
        const struct metric *m = &metrics_table[i];

        if (m->help)
            put_family_head(out, m);
        switch (m->whose) {
        case PLATFORM:
            put_platform(out, m, &s->platform, &labels);
            break;
        case REPLIES:
            put_replies(out, m, &s->platform, &labels);
            break;
        case FAULTS:
            put_faults(out, m, &s->platform, &labels);
            break;
        case WORKERS:
            put_workers(out, m, &s->platform, &labels);
            break;
        case SERIES:
            put_series(out, m, s, &labels);
            break;
        case FUNCTION:
            put_use(out, m, s, &labels);
            break;
        case EVENTS:
            put_events(out, m, s, &labels);
            break;
        case SNAPSHOT:
            put_sample(out, m, STR_NONE, at(s, m->offset));
            break;
        case BUILD:
            put_sample(out, m, S("version=\"" EVOKE_VERSION "\""), 1);
            break;
        }
    }
    buf_done(&labels);
}

/* ---- docs/metrics.md ---- */

static const char *labels_of(const struct metric *m)
{
    switch (m->whose) {
    case SERIES:
        return "function, version, trigger";
    case FUNCTION:
        return "function";
    case EVENTS:
        return m->label ? "function, source, trigger, state" : "function, source, trigger";
    case REPLIES:
        return "api, status";
    case FAULTS:
        return "fault";
    case WORKERS:
        return "worker";
    case BUILD:
        return "version";
    case PLATFORM:
    case SNAPSHOT:
        break;
    }
    return m->label ? m->label : "";
}

void metrics_document(struct buf *out)
{
    buf_adds(out, S("| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"));
    for (size_t i = 0; i < metrics_rows; i++)
        if (metrics_table[i].help)
            buf_addf(out, "| `%s` | %s | %s | %s |\n", metrics_table[i].name,
                     types[metrics_table[i].type], labels_of(&metrics_table[i]),
                     metrics_table[i].help);
}
