/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cmd_trigger_http.c - evoke trigger http: a place on the web for a function.
 *
 * What is said becomes the words of evoke.yaml first, so that both say the same.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/command.h"
#include "cli/http_trigger.h"
#include "cli/triggers.h"

enum { PATTERN_MAX = 512 };

/* Options that are words of an HTTP trigger. */
static const struct {
    const char *option;
    enum { AS_TEXT, AS_SECONDS, AS_TRUE, AS_FALSE, AS_YES, AS_LIST } how;
    const char *key;
} of_http[] = {
        {"path", AS_TEXT, "path"},          {"method", AS_TEXT, "method"},
        {"methods", AS_LIST, "methods"},    {"group", AS_TEXT, "group"},
        {"stage", AS_TEXT, "stage"},        {"match", AS_TEXT, "match"},
        {"auth", AS_TEXT, "auth"},          {"authorizer", AS_TEXT, "authorizer"},
        {"timeout", AS_SECONDS, "timeout"}, {"integrated", AS_TRUE, "integrated"},
        {"cors", AS_TRUE, "cors"},          {"base64", AS_YES, "base64"},
        {"private", AS_FALSE, "public"},
};

static struct cJSON *list_of(struct str text)
{
    struct cJSON *list = cJSON_CreateArray();

    while (text.p) {
        cleanup_free char *word = str_dup(str_trim(str_cut(&text, ',')));

        cJSON_AddItemToArray(list, cJSON_CreateString(word));
    }
    return list;
}

static struct cJSON *value_of(const struct args *args, size_t i)
{
    const char *option = of_http[i].option;

    switch (of_http[i].how) {
    case AS_TEXT:
        return cJSON_CreateString(args_text(args, option));
    case AS_SECONDS:
        return cJSON_CreateNumber((double)args_number(args, option, 0) / 1000);
    case AS_TRUE:
        return cJSON_CreateTrue();
    case AS_FALSE:
        return cJSON_CreateFalse();
    case AS_YES:
        return cJSON_CreateBool(strcmp(args_text(args, option), "yes") == 0);
    case AS_LIST:
        return list_of(str_of(args_text(args, option)));
    }
    return NULL;
}

/* A service is scf's word for a group. */
static const char *key_of(const char *source, size_t i)
{
    return strcmp(source, "apigw") == 0 && strcmp(of_http[i].key, "group") == 0 ? "service"
                                                                                : of_http[i].key;
}

static int make(const struct args *args, struct str dialect, struct trigger_put *ret, struct err *e)
{
    cleanup_with(json_freep) struct cJSON *words = cJSON_CreateObject();
    const char *source = http_source_of(dialect);
    int r;

    if (!source)
        return err_set(e, ERR_CALLER, -EINVAL, "functions of %.*s have no HTTP triggers",
                       STR_ARG(dialect));
    for (size_t i = 0; i < ARRAY_LEN(of_http); i++) {
        if (!args_has(args, of_http[i].option))
            continue;
        if (!http_takes(source, key_of(source, i)))
            return err_set(e, ERR_CALLER, -EINVAL, "--%s means nothing to functions of %.*s",
                           of_http[i].option, STR_ARG(dialect));
        cJSON_AddItemToObject(words, key_of(source, i), value_of(args, i));
    }
    ret->source = str_of(source);
    r = http_check("options", source, words, e);
    if (r == 0)
        http_config(words, ret->config);
    return r;
}

static int create(const struct common *common, const struct args *args)
{
    return triggers_create(common, args, make);
}

static const char *const methods[] = {"GET",   "POST",    "PUT", "DELETE", "HEAD",
                                      "PATCH", "OPTIONS", "ANY", NULL};
static const char *const matches[] = {"exact", "prefix", NULL};
static const char *const yes_no[] = {"yes", "no", NULL};

static const struct option http_options[] = {
        {.name = "path",
         .kind = OPTION_TEXT,
         .arg = "PATH",
         .help = "/page/{name}; else / and the name of the function",
         .min = 1,
         .max = PATTERN_MAX},
        {.name = "method",
         .kind = OPTION_CHOICE,
         .arg = "METHOD",
         .help = "GET, POST, ... or ANY",
         .choices = methods},
        {.name = "methods",
         .kind = OPTION_TEXT,
         .arg = "LIST",
         .help = "of fc: GET,POST; else all",
         .min = 1,
         .max = 64},
        {.name = "group",
         .kind = OPTION_TEXT,
         .arg = "NAME",
         .help = "group or, of scf, service",
         .min = 1,
         .max = 64},
        {.name = "stage",
         .kind = OPTION_TEXT,
         .arg = "NAME",
         .help = "where it is published: RELEASE; of scf: release",
         .min = 1,
         .max = 64},
        {.name = "match",
         .kind = OPTION_CHOICE,
         .arg = "HOW",
         .help = "exact, or prefix: all paths that begin with it",
         .choices = matches},
        {.name = "auth",
         .kind = OPTION_TEXT,
         .arg = "HOW",
         .help = "none, app, iam, authorizer, secret; anonymous, function",
         .min = 1,
         .max = 32},
        {.name = "authorizer",
         .kind = OPTION_TEXT,
         .arg = "NAME",
         .help = "with --auth authorizer: which",
         .min = 1,
         .max = 64},
        {.name = "timeout",
         .kind = OPTION_DURATION,
         .arg = "TIME",
         .help = "how long a caller waits",
         .min = 1,
         .max = 1800000},
        {.name = "integrated",
         .kind = OPTION_FLAG,
         .help = "of scf: its answer says status and headers"},
        {.name = "cors", .kind = OPTION_FLAG, .help = "pages of other origins may call it"},
        {.name = "base64",
         .kind = OPTION_CHOICE,
         .arg = "YES|NO",
         .help = "whether bodies come in base64",
         .choices = yes_no},
        {.name = "private", .kind = OPTION_FLAG, .help = "of fc: not for the public listener"},
        {.name = "disabled",
         .kind = OPTION_FLAG,
         .help = "nobody can call it before it is enabled"},
};

const struct command command_trigger_http = {
        .name = "trigger http",
        .group = GROUP_WRITE,
        .args = "NAME FUNCTION",
        .summary = "let a function be called over HTTP, as its cloud has it",
        .examples = "evoke trigger http web page --path '/page/{name}' --method ANY\n",
        .options = OPTION_TABLE(http_options),
        .min_words = 2,
        .max_words = 2,
        .run = create,
};
