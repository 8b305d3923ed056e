/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_gw_binding.c - the configs of HTTP triggers. "source\nconfig": taken or refused with a sentence;
 * what is taken has a path that is one, and every check of a source says the same as the parser.
 */
#include <errno.h>

#include "base/err.h"
#include "fuzz.h"
#include "gateway/model/binding.h"

enum { MAX_INPUT = 16 * 1024 };

static int check(struct str source, struct str config, struct err *e)
{
    if (str_eq(source, S("apig")))
        return binding_check_apig(config, e);
    if (str_eq(source, S("apigw")))
        return binding_check_apigw(config, e);
    return str_eq(source, S("http")) ? binding_check_http(config, e) : -ENOENT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str config = {(const char *)data, n}, source = str_cut(&config, '\n');
    struct err e = {0}, again = {0};
    struct binding b;
    int r;

    if (n > MAX_INPUT)
        return 0;
    r = binding_parse(source, config, &b, &e);
    holds(r == 0 || r == -ENOENT || r == -EINVAL);
    holds(r == 0 || e.msg[0]);
    holds(check(source, config, &again) == r);
    if (r < 0)
        return 0;
    holds(b.source < BINDINGS && b.tree);
    holds(!b.path.p || (b.path.n > 0 && b.path.p[0] == '/'));
    holds(buf_ok(&b.methods) && buf_ok(&b.base64_types));
    holds((b.auth == GW_AUTH_AUTHORIZER) == (b.authorizer.n > 0));
    binding_done(&b);
    return 0;
}
