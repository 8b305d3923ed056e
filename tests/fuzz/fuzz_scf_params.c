/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_scf_params.c - what actions of SCF are asked: "<action> <form or json>\n<parameters>". Parameters that
 * keep to the model keep to it also once they have been written down and read again; what is refused is
 * refused with a code and a sentence; and a trigger's description that is taken is told as JSON.
 */
#include <cjson/cJSON.h>

#include "base/err.h"
#include "base/json.h"
#include "dialect/scf/api/parse.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/scf/api/trigger.h"
#include "fn/fn.h"
#include "fn/trigger.h"
#include "fuzz.h"

enum { MAX_INPUT = 16 * 1024, MAX_TEXT = 4 << 20 };

static const struct fn_key key = {DIALECT_SCF, S("local"), S("local-1"), S("default"), S("name")};

static const struct api_op *find_op(struct str name)
{
    for (uint32_t i = 0; i < scf_service.nops; i++)
        if (str_eq(name, str_of(scf_service.ops[i].name)))
            return &scf_service.ops[i];
    return NULL;
}

static void check_again(const struct api_op *op, const struct cJSON *tree)
{
    const char *code = NULL;
    struct cJSON *again;
    struct err e = {0};
    struct buf text;

    buf_init(&text, MAX_TEXT);
    json_print(tree, &text);
    holds(buf_ok(&text));
    again = json_parse(buf_str(&text), &e);
    holds(again && scf_model_check(&scf_service, op->model, again, &code, &e) == 0);
    json_free(again);
    buf_done(&text);
}

static void check_function(const struct cJSON *tree)
{
    struct fn *draft = fn_new(&key);
    struct scf_error x = {0};

    if (scf_parse_function(tree, true, draft, &x) < 0)
        holds(x.code && x.e.msg[0]);
    fn_unref(draft);
}

/* Names of services by their ids need a catalog. */
static bool needs_catalog(const struct cJSON *tree)
{
    return str_find(scf_text(tree, "TriggerDesc"), S("serviceId")) >= 0 ||
           str_has(scf_text(tree, "TriggerDesc"), '\\');
}

static void check_trigger(const struct cJSON *tree)
{
    struct str source = scf_trigger_source(scf_text(tree, "Type"));
    struct scf_error x = {0};
    struct trigger *draft;
    struct buf text;
    struct jw w;

    if (!source.n || needs_catalog(tree) || str_eq(source, S("apigw")))
        return;
    draft = trigger_new(&key, source);
    fn_set(&draft->name, scf_text(tree, "TriggerName"));
    if (scf_trigger_fill(NULL, tree, draft, &x) < 0) {
        holds(x.code && x.e.msg[0]);
    } else {
        struct cJSON *told;

        buf_init(&text, MAX_TEXT);
        jw_init(&w, &text);
        jw_obj(&w);
        scf_trigger_put_desc(&w, NULL, S("host"), draft);
        jw_obj_end(&w);
        told = json_parse(buf_str(&text), NULL);
        holds(told && json_valid(scf_text(told, "TriggerDesc"), NULL));
        json_free(told);
        buf_done(&text);
    }
    trigger_unref(draft);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n}, how = str_cut(&rest, '\n'),
               name = str_cut(&how, ' ');
    const struct api_op *op = find_op(name);
    struct cJSON *tree = NULL;
    const char *code = NULL;
    struct err e = {0};
    int r = 0;

    if (n > MAX_INPUT || !op)
        return 0;
    if (str_eq(how, S("form")))
        r = scf_form_tree(&scf_service, op->model, rest, &tree, &code, &e);
    else
        tree = json_parse(rest, NULL);
    holds(r == 0 || (code && e.msg[0]));
    if (!tree)
        return 0;
    if (scf_model_check(&scf_service, op->model, tree, &code, &e) < 0) {
        holds(code && e.msg[0]);
    } else {
        check_again(op, tree);
        check_trigger(tree);
        check_function(tree);
    }
    json_free(tree);
    return 0;
}
