/* SPDX-License-Identifier: Apache-2.0 */
/* options_change.c - a reload: which options may follow at once, and which wait for a restart. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "conf/options.h"

static void list(struct buf *b, const char *name, const char *value)
{
    buf_addf(b, "%s%s%s%s", b->n > 0 ? ", " : "", name, *value ? " " : "", value);
}

void options_change(struct options *o, const struct options *fresh, struct options_changes *c)
{
    for (size_t i = 0; options_at(i); i++) {
        const struct conf_option *opt = options_at(i);
        cleanup_free char *before = options_value(o, opt), *after = options_value(fresh, opt);
        struct err e = {0};

        if (opt->flag_only || strcmp(before ? before : "", after ? after : "") == 0)
            continue;
        if (!opt->reloads) {
            list(&c->later, opt->name, "");
            continue;
        }
        list(&c->said, opt->name, after ? after : "");
        buf_addf(&c->lines, "%s=%s\n", opt->name, after ? after : "");
        if (options_set(o, opt, opt->name, str_of(after), &e) < 0)
            assert(!"a value that was accepted is accepted");
    }
}

int options_take(struct options *o, struct str lines, struct err *e)
{
    int n = 0, r;

    while (lines.n > 0) {
        struct str value = str_cut(&lines, '\n'), name = str_cut(&value, '=');
        const struct conf_option *opt = options_find(name);

        if (!opt || !opt->reloads)
            return err_set(e, ERR_CALLER, -EINVAL, "'%.*s' does not change while the daemon runs",
                           STR_ARG(name));
        r = options_set(o, opt, opt->name, value, e);
        if (r < 0)
            return r;
        n++;
    }
    return n;
}

void options_changes_init(struct options_changes *c)
{
    buf_init(&c->lines, OPTIONS_LINES);
    buf_init(&c->said, OPTIONS_LINES);
    buf_init(&c->later, OPTIONS_LINES);
}

void options_changes_done(struct options_changes *c)
{
    buf_done(&c->lines);
    buf_done(&c->said);
    buf_done(&c->later);
}
