/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_manifest.c - evoke.yaml. What is taken can be said to the daemon: each function's request is
 * a JSON object with code in it. What is refused is refused with a reason.
 */
#include <cjson/cJSON.h>
#include <errno.h>

#include "base/err.h"
#include "base/json.h"
#include "cli/manifest.h"
#include "fuzz.h"

enum { MAX_INPUT = 16 * 1024, MAX_TEXT = 1024 * 1024 };

/* Each becomes a request with a source and a config, or is refused with a reason. */
static void check_triggers(const struct manifest_function *f)
{
    for (const struct cJSON *t = f->triggers ? f->triggers->child : NULL; t; t = t->next) {
        struct cJSON *request = NULL;
        struct err e = {0};
        struct buf out;

        buf_init(&out, MAX_TEXT);
        if (manifest_trigger(f, t, &out, &e) < 0) {
            holds(e.msg[0]);
        } else {
            request = json_parse(buf_str(&out), &e);
            holds(request && cJSON_IsString(json_get(request, "source")) &&
                  cJSON_IsObject(json_get(request, "config")));
        }
        json_free(request);
        buf_done(&out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};
    struct manifest m = {0};
    struct err e = {0};

    if (n > MAX_INPUT)
        return 0;
    if (manifest_parse(text, &m, &e) < 0) {
        holds(e.code == -EINVAL && e.msg[0]);
        return 0;
    }
    holds(m.n > 0);
    for (size_t i = 0; i < m.n; i++) {
        struct cJSON *request;
        struct buf out;

        buf_init(&out, MAX_TEXT);
        manifest_request(&m.functions[i], S("zip"), NULL, &out);
        holds(buf_ok(&out));
        request = json_parse(buf_str(&out), &e);
        holds(request && cJSON_IsObject(json_get(request, "code")));
        json_free(request);
        buf_done(&out);
        check_triggers(&m.functions[i]);
    }
    manifest_done(&m);
    return 0;
}
