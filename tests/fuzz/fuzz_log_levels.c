/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_log_levels.c - what was understood, written out again, is understood as the same. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "fuzz.h"

static void write_out(const struct log_conf *c, char *out, size_t size)
{
    static const char *const names[] = {"err", "warn", "info", "debug"};
    size_t n = (size_t)snprintf(out, size, "%s", names[c->level]);

    for (uint32_t i = 0; i < c->nrules; i++)
        n += (size_t)snprintf(out + n, size - n, ",%s=%s", c->rules[i].component,
                              names[c->rules[i].level]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct log_conf first, second;
    struct err e = {0};
    char text[LOG_RULES * 40];

    if (log_conf_parse((struct str){(const char *)data, n}, S("json"), &first, &e) < 0) {
        holds(e.code < 0 && e.msg[0]);
        return 0;
    }
    holds(first.nrules <= LOG_RULES);
    write_out(&first, text, sizeof(text));
    holds(log_conf_parse(str_of(text), S("json"), &second, &e) == 0);
    holds(second.level == first.level && second.nrules == first.nrules);
    for (uint32_t i = 0; i < first.nrules; i++) {
        holds(strcmp(first.rules[i].component, second.rules[i].component) == 0);
        holds(first.rules[i].level == second.rules[i].level);
    }
    return 0;
}
