/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_serve.c - the row of evoke serve. Its options are conf's (src/conf/options.c), which reads
 * them from file and environment too; here they are only explained and completed.
 */
#include <assert.h>
#include <string.h>

#include "base/obj.h"
#include "cli/command.h"
#include "conf/options.h"

enum { ROWS_MAX = 64 };

static struct option rows[ROWS_MAX];
static struct option_table table = {rows, 0};

/* Arguments that name a file or directory say so. */
static enum complete complete_of(const struct conf_option *o)
{
    if (o->arg && strcmp(o->arg, "FILE") == 0)
        return COMPLETE_FILE;
    return o->arg && strcmp(o->arg, "DIR") == 0 ? COMPLETE_DIR : COMPLETE_NOTHING;
}

void command_serve_init(void)
{
    const struct conf_option *o;

    table.n = 0;
    for (size_t i = 0; (o = options_at(i)); i++) {
        if (strcmp(o->name, "help") == 0)
            continue; /* every command has it */
        assert(table.n < ROWS_MAX);
        rows[table.n++] = (struct option){
                .name = o->name,
                .kind = o->type == OPT_FLAG  ? OPTION_FLAG
                        : o->type == OPT_INT ? OPTION_INT
                                             : OPTION_TEXT,
                .arg = o->arg,
                .help = o->help,
                .min = o->min,
                .max = o->max,
                .env = o->env,
                .def = o->def,
                .complete = complete_of(o),
        };
    }
}

const struct command command_serve = {
        .name = "serve",
        .group = GROUP_SERVE,
        .args = "",
        .summary = "run the daemon in the foreground; SIGTERM or Ctrl-C ends it",
        .brief = "run the daemon; for tools of clouds: `proxy`, `proxy-env`",
        .help = "What no flag says is taken from the environment, then from the file of --config,\n"
                "then from the default. EVOKE_ACCESS_KEY and EVOKE_SECRET_KEY replace the stored\n"
                "root key pair for one run.",
        .examples = "evoke serve --data /srv/evoke --listen 127.0.0.1:8900\n",
        .shared = &table,
        .local = true,
        .no_output = true,
};
