/* SPDX-License-Identifier: Apache-2.0 */
/*
 * operations.c - docs/compat/operations.md, out of the tables that the requests themselves go by:
 *
 *   build/tools/operations >docs/compat/operations.md
 *
 * An operation works unless its row says what is missing (partly) or what it answers instead
 * (absent). One that has no row is not in the table, and its path is refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/obj.h"
#include "dialect/fc/fc.h"
#include "dialect/functiongraph/functiongraph.h"
#include "dialect/scf/api/scf_api.h"
#include "storage/storage.h"

static const struct {
    const char *title, *about;
    const struct api_set *set;         /* or */
    const struct scf_service *service; /* one of those that share a path */
} apis[] = {
        {"FunctionGraph, version 2", "[What we decided](functiongraph-api.md)", &functiongraph_api,
         NULL},
        {"API Gateway, version 2", "[What we decided](apig-api.md)", &apig_api, NULL},
        {"Function Compute 2016-08-15", "[What we decided](fc-api.md)", &fc_api, NULL},
        {"Function Compute 2023-03-30", "[What we decided](fc3.md)", &fc3_api, NULL},
        {"SCF 2018-04-16", "[What we decided](scf-api.md)", NULL, &scf_service},
        {"Object storage", "[What it is](../objects.md)", &storage_api, NULL},
};

enum state { WORKS, PARTLY, ABSENT, STATES };

static const char *const words[STATES] = {"works", "partly", "not here"};

static enum state state_of(const struct api_op *op)
{
    return op->absent ? ABSENT : op->partly ? PARTLY : WORKS;
}

/* A bar would end the cell. */
static void cell(const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            putchar('\\');
        putchar(*text);
    }
}

static void row(const struct api_op *op)
{
    enum state s = state_of(op);

    printf("| %s | `%s ", op->name, op->route.method);
    cell(op->route.pattern);
    printf("` | %s", words[s]);
    if (s != WORKS) {
        fputs(": ", stdout);
        cell(s == ABSENT ? op->absent : op->partly);
    }
    puts(" |");
}

static void table(const struct api_op *ops, uint32_t nops)
{
    unsigned n[STATES] = {0};

    for (uint32_t i = 0; i < nops; i++)
        n[state_of(&ops[i])]++;
    printf("%u operations: %u work, %u in part, %u are not here.\n\n", nops, n[WORKS], n[PARTLY],
           n[ABSENT]);
    puts("| operation | request | state |\n| --- | --- | --- |");
    for (uint32_t i = 0; i < nops; i++)
        row(&ops[i]);
}

/* The products that SCF's own tools ask on their way. */
static void beside(const struct scf_service *s)
{
    printf("\n### %s %s\n\n", s->name, s->version);
    table(s->ops, s->nops);
}

int main(void)
{
    puts("# Operations of the clouds' APIs\n\n"
         "Made by `build/tools/operations` from the tables that requests go by "
         "(`src/dialect/*/api/`); a test\n"
         "compares it with them, and them with the methods of the vendors' SDKs. *not here* says "
         "what is\n"
         "answered instead.");
    for (size_t i = 0; i < ARRAY_LEN(apis); i++) {
        printf("\n## %s\n\n%s. ", apis[i].title, apis[i].about);
        if (apis[i].set)
            table(apis[i].set->ops, apis[i].set->nops);
        else
            table(apis[i].service->ops, apis[i].service->nops);
    }
    puts("\n## Stand-ins beside SCF\n\n[What is behind them](scf-vendor.md).");
    for (uint32_t i = 0; i < scf_nservices; i++)
        if (scf_services[i] != &scf_service)
            beside(scf_services[i]);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
