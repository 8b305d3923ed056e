/* SPDX-License-Identifier: Apache-2.0 */
/* options_text.c - the table of options for people: documentation, example file. */
#include <stdio.h>

#include "base/str.h"
#include "conf/options.h"

void options_limits(const struct conf_option *opt, char *text, size_t size)
{
    switch (opt->type) {
    case OPT_TEXT:
        snprintf(text, size, "text, %lld to %lld characters", (long long)opt->min,
                 (long long)opt->max);
        return;
    case OPT_INT:
        snprintf(text, size, "whole number, %lld to %lld", (long long)opt->min,
                 (long long)opt->max);
        return;
    case OPT_FLAG:
        snprintf(text, size, "no value");
        return;
    }
}

/* A '|' would end the cell. */
static void cell(FILE *out, const char *text)
{
    for (; *text; text++)
        fprintf(out, *text == '|' ? "\\%c" : "%c", *text);
}

void options_markdown(FILE *out)
{
    char limits[64];

    fputs("# Options of `evoke serve`\n\n"
          "Made from the table in `src/conf/options.c` by `evoke config markdown`; a test checks "
          "that it is current.\n\n"
          "A flag (`--instances 100`) outranks the environment, which outranks the file that "
          "`--config` names\n"
          "(`instances: 100`, see `packaging/evoke.yaml`), which outranks the default. `evoke "
          "config check FILE` checks a file.\n"
          "What is marked *reload* changes while the daemon runs, on `systemctl reload evoke` or "
          "SIGHUP; the rest needs a restart.\n\n"
          "| option | what | values | default | environment | |\n"
          "| --- | --- | --- | --- | --- | --- |\n",
          out);
    for (size_t i = 0; options_at(i); i++) {
        const struct conf_option *opt = options_at(i);

        options_limits(opt, limits, sizeof(limits));
        fprintf(out, "| `--%s%s", opt->name, opt->arg ? " " : "");
        cell(out, opt->arg ? opt->arg : "");
        fputs("` | ", out);
        cell(out, opt->help);
        fprintf(out, " | %s | %s%s%s | %s%s%s | %s |\n", limits, opt->def ? "`" : "",
                opt->def ? opt->def : "", opt->def ? "`" : "", opt->env ? "`" : "",
                opt->env ? opt->env : "", opt->env ? "`" : "",
                opt->reloads     ? "*reload*"
                : opt->flag_only ? "flag only"
                                 : "");
    }
    fputs("\n`EVOKE_ACCESS_KEY` and `EVOKE_SECRET_KEY` replace the stored root key pair for one "
          "run.\n",
          out);
}

void options_example(FILE *out)
{
    char limits[64];

    fputs("# What `evoke serve --config FILE` reads. Every option is here with its default; take "
          "the '#' away\n"
          "# to change one. `evoke config check` checks this file; options marked (reload) are "
          "taken over by\n"
          "# `systemctl reload evoke`, the others by a restart. A flag or environment variable "
          "outranks this file.\n",
          out);
    for (size_t i = 0; options_at(i); i++) {
        const struct conf_option *opt = options_at(i);

        if (opt->flag_only)
            continue;
        options_limits(opt, limits, sizeof(limits));
        fprintf(out, "\n# %s\n# %s%s\n#%s: %s\n", opt->help, limits,
                opt->reloads ? " (reload)" : "", opt->name, opt->def ? opt->def : opt->arg);
    }
}
