/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_trigger.c - the words of HTTP triggers: one row says how a key is written, for which cloud's
 * it is and what the daemon calls it. What may stand in a value the daemon judges.
 *
 * Where one is called the daemon tells. A name under .localhost means the machine one is on, so it
 * is of use only next to the daemon; from elsewhere the path does.
 */
#include "cli/http_trigger.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/obj.h"
#include "cli/view.h"

enum { APIG = 1, APIGW = 2, HTTP = 4 };
enum kind { WORDS, SECONDS, SWITCH, LIST, SWITCH_OR_LIST };

static const struct {
    const char *dialect, *source;
    unsigned bit;
} clouds[] = {
        {"functiongraph", "apig", APIG},
        {"scf", "apigw", APIGW},
        {"fc", "http", HTTP},
};

static const struct {
    const char *key, *sends;
    unsigned sources;
    enum kind kind;
} keys[] = {
        {"group", "group", APIG, WORDS},
        {"service", "service", APIGW, WORDS},
        {"stage", "stage", APIG | APIGW, WORDS},
        {"method", "method", APIG | APIGW, WORDS},
        {"path", "path", APIG | APIGW, WORDS},
        {"match", "match", APIG, WORDS},
        {"auth", "auth", APIG | APIGW | HTTP, WORDS},
        {"authorizer", "authorizer", APIG, WORDS},
        {"timeout", "timeout_ms", APIG | APIGW, SECONDS},
        {"integrated", "integrated", APIGW, SWITCH},
        {"cors", "cors", APIG | APIGW, SWITCH},
        {"base64", "base64", APIG | APIGW, SWITCH_OR_LIST},
        {"methods", "methods", HTTP, LIST},
        {"public", "public", HTTP, SWITCH},
};

static const char *const kind_words[] = {[WORDS] = "text",
                                         [SECONDS] = "a number of seconds",
                                         [SWITCH] = "true or false",
                                         [LIST] = "a list of texts",
                                         [SWITCH_OR_LIST] = "true, false or a list of texts"};

const char *http_source_of(struct str dialect)
{
    for (size_t i = 0; i < ARRAY_LEN(clouds); i++)
        if (str_eq(dialect, str_of(clouds[i].dialect)))
            return clouds[i].source;
    return NULL;
}

static unsigned bit_of(const char *source)
{
    for (size_t i = 0; i < ARRAY_LEN(clouds); i++)
        if (strcmp(source, clouds[i].source) == 0)
            return clouds[i].bit;
    return 0;
}

bool http_is_source(const char *word)
{
    return bit_of(word) != 0;
}

bool http_takes(const char *source, const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (keys[i].sources & bit_of(source) && strcmp(keys[i].key, key) == 0)
            return true;
    return false;
}

static bool is_list(const struct cJSON *v)
{
    if (!cJSON_IsArray(v) || !v->child)
        return false;
    for (const struct cJSON *item = v->child; item; item = item->next)
        if (!cJSON_IsString(item) || !item->valuestring[0])
            return false;
    return true;
}

static bool is_kind(const struct cJSON *v, enum kind kind)
{
    switch (kind) {
    case WORDS:
        return cJSON_IsString(v) && v->valuestring[0];
    case SECONDS:
        return cJSON_IsNumber(v) && v->valuedouble > 0 && v->valuedouble <= 1e6;
    case SWITCH:
        return cJSON_IsBool(v);
    case LIST:
        return is_list(v);
    case SWITCH_OR_LIST:
        return cJSON_IsBool(v) || is_list(v);
    }
    return false;
}

int http_check(const char *where, const char *source, const struct cJSON *words, struct err *e)
{
    unsigned bit = bit_of(source);

    if (!cJSON_IsObject(words))
        return err_set(e, ERR_CALLER, -EINVAL, "%.180s must be a map; {} for the defaults", where);
    for (const struct cJSON *v = words->child; v; v = v->next) {
        size_t i = 0;

        while (i < ARRAY_LEN(keys) &&
               (!(keys[i].sources & bit) || strcmp(keys[i].key, v->string) != 0))
            i++;
        if (i == ARRAY_LEN(keys))
            return err_set(e, ERR_CALLER, -EINVAL, "%.160s.%.64s: unknown key", where, v->string);
        if (!is_kind(v, keys[i].kind))
            return err_set(e, ERR_CALLER, -EINVAL, "%.160s.%s must be %s", where, v->string,
                           kind_words[keys[i].kind]);
    }
    return 0;
}

/* In the order of the table, so that the same words make the same bytes. */
void http_config(const struct cJSON *words, struct cJSON *config)
{
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct cJSON *v = json_get(words, keys[i].key);

        if (!v)
            continue;
        if (keys[i].kind == SECONDS)
            cJSON_AddNumberToObject(config, keys[i].sends,
                                    (double)(int64_t)(v->valuedouble * 1000 + 0.5));
        else
            cJSON_AddItemToObject(config, keys[i].sends, cJSON_Duplicate(v, true));
    }
}

/* ---- as people see it ---- */

static void show_value(const struct cJSON *v, struct buf *out)
{
    if (cJSON_IsString(v)) {
        buf_addz(out, v->valuestring);
    } else if (cJSON_IsArray(v)) {
        for (const struct cJSON *item = v->child; item; item = item->next) {
            if (item != v->child)
                buf_addc(out, '+');
            show_value(item, out);
        }
    } else {
        json_print(v, out);
    }
}

void http_show(const struct cJSON *trigger, struct buf *out)
{
    const struct cJSON *config = json_get(trigger, "config");
    size_t from = out->n;

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct cJSON *v = json_get(config, keys[i].sends);

        if (!v)
            continue;
        if (out->n > from)
            buf_addz(out, ", ");
        buf_addz(out, keys[i].key);
        buf_addc(out, ' ');
        if (keys[i].kind == SECONDS)
            buf_addf(out, "%g s", v->valuedouble / 1000);
        else
            show_value(v, out);
    }
    if (out->n == from)
        buf_addz(out, "as the cloud has it");
}

/* "http://127.0.0.1:8900" -> "127.0.0.1", ":8900" */
static bool is_local(struct str endpoint, struct str *ret_port)
{
    static const char *const names[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str rest = str_from(endpoint, strlen(names[i]));

        if (!str_starts(endpoint, str_of(names[i])) || (rest.n > 0 && rest.p[0] != ':'))
            continue;
        *ret_port = rest;
        return true;
    }
    return false;
}

void http_url(const struct cJSON *trigger, struct str endpoint, struct buf *out)
{
    const struct cJSON *address = json_get(trigger, "address");
    struct str host = view_text(address, "host"), port;

    if (!address)
        return;
    while (endpoint.n > 0 && endpoint.p[endpoint.n - 1] == '/')
        endpoint.n--;
    if (str_ends(host, S(".localhost")) && is_local(endpoint, &port)) {
        buf_addf(out, "http://%.*s%.*s", STR_ARG(host), STR_ARG(port));
        buf_adds(out, view_text(address, "path"));
        return;
    }
    buf_adds(out, endpoint);
    buf_adds(out, view_text(address, "by_path"));
}
