/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_doctor.c - evoke doctor: a walk through the checks of doctor_kernel.c and doctor_host.c. It
 * needs no daemon, changes nothing, and says for whatever is not well why it matters and what to do.
 */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "cli/output.h"
#include "cli/term.h"
#include "cli/view.h"
#include "conf/options.h"

static const struct {
    const char *name, *mark;
    enum term_style style;
} levels[] = {
        [DOCTOR_OK] = {"ok", "ok", TERM_GREEN},
        [DOCTOR_LESS] = {"less", "less", TERM_YELLOW},
        [DOCTOR_MISSING] = {"missing", "MISSING", TERM_RED},
};

void finding_set(struct finding *f, enum doctor_level level, const char *fmt, ...)
{
    va_list ap;

    f->level = level;
    va_start(ap, fmt);
    (void)vsnprintf(f->found, sizeof(f->found), fmt, ap);
    va_end(ap);
}

void finding_next(struct finding *f, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(f->next, sizeof(f->next), fmt, ap);
    va_end(ap);
}

enum { INDENT = 21, TEXT_AT = 27 };

static void print_advice(const char *title, const char *text, size_t width)
{
    printf("%*s%-6s", INDENT, "", title);
    view_wrap(stdout, TEXT_AT, TEXT_AT, width, text);
}

static void print_check(const struct term *t, const struct check *check, const struct finding *f)
{
    cleanup_with(buf_done) struct buf found;
    size_t width = term_width(t);

    buf_init(&found, 8192);
    term_safe(str_of(f->found), TERM_LINE, &found);
    printf("%s%-7s%s  %-10s  ", term_style(t, levels[f->level].style), levels[f->level].mark,
           term_style(t, TERM_PLAIN), check->name);
    view_wrap(stdout, INDENT, INDENT, width, found.p);
    if (f->level == DOCTOR_OK)
        return;
    print_advice("why:", check->why, width);
    if (f->next[0] || check->next)
        print_advice("next:", f->next[0] ? f->next : check->next, width);
}

static void add_check(struct cJSON *list, const struct check *check, const struct finding *f)
{
    struct cJSON *o = cJSON_CreateObject();
    const char *next = f->next[0] ? f->next : check->next;

    cJSON_AddStringToObject(o, "name", check->name);
    cJSON_AddStringToObject(o, "level", levels[f->level].name);
    cJSON_AddStringToObject(o, "found", f->found);
    cJSON_AddStringToObject(o, "why", check->why);
    cJSON_AddStringToObject(o, "next", f->level == DOCTOR_OK || !next ? "" : next);
    cJSON_AddItemToArray(list, o);
}

/* Returns the worst level. */
static enum doctor_level walk(const struct doctor *d, const struct check_table *table,
                              const struct term *t, struct cJSON *list)
{
    enum doctor_level worst = DOCTOR_OK;

    for (size_t i = 0; i < table->n; i++) {
        struct finding f = {0};

        table->checks[i].probe(d, &f);
        if (d->common->format == OUTPUT_TABLE)
            print_check(t, &table->checks[i], &f);
        add_check(list, &table->checks[i], &f);
        worst = f.level > worst ? f.level : worst;
    }
    return worst;
}

static int run(const struct common *common, const struct args *args)
{
    cleanup_with(json_freep) struct cJSON *answer = cJSON_CreateObject();
    cleanup_with(options_done) struct options options = {0};
    const struct term t = term_of(stdout);
    struct doctor d = {.common = common, .options = &options, .root = geteuid() == 0};
    struct cJSON *list = cJSON_AddArrayToObject(answer, "checks");
    char *none[] = {NULL};
    enum doctor_level kernel, host;
    struct err e = {0};

    (void)args;
    if (options_load(0, none, &options, &e) < 0)
        return command_fail(&e);
    kernel = walk(&d, &doctor_kernel, &t, list);
    host = walk(&d, &doctor_host, &t, list);
    cJSON_AddBoolToObject(answer, "ok", kernel != DOCTOR_MISSING && host != DOCTOR_MISSING);
    if (common->format != OUTPUT_TABLE)
        output_object(common->format, answer);
    return kernel == DOCTOR_MISSING || host == DOCTOR_MISSING ? EXIT_FUNCTION : EXIT_OK;
}

const struct command command_doctor = {
        .name = "doctor",
        .group = GROUP_SERVE,
        .args = "",
        .summary = "check what this host can enforce, and what to install",
        .help = "Looks at the machine as the user who calls it: be the one `evoke serve`\n"
                "runs as. \"less\" means that evoke runs and something is not enforced. Exit\n"
                "code 1 when something is missing that evoke needs. The configuration is\n"
                "read from EVOKE_CONFIG, as `evoke serve` does.",
        .examples = "evoke doctor\n"
                    "sudo evoke doctor --output json\n",
        .run = run,
};
