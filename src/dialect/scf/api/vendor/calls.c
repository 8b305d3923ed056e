/* SPDX-License-Identifier: Apache-2.0 */
/*
 * calls.c - two calls that Tencent's Serverless Framework plugin makes over plain HTTP, without a
 * signature, to a function of its vendor: a report of what the user does, which goes nowhere here, and
 * the question whether the account is a real person's, without whose yes the plugin ends.
 *
 * Only by the name it is called by there: they are nobody's API.
 */
#include "api/api.h"
#include "base/json.h"
#include "base/obj.h"
#include "dialect/scf/scf.h"
#include "http/server.h"

enum { BODY_MAX = 64 << 10 };

static bool by_its_name(struct call *c)
{
    struct str host = c->req->host;

    if (str_ieq(str_cut(&host, ':'), S("service-ocnymoks-1258344699.gz.apigw.tencentcs.com")))
        return true;
    call_fail(c, 404, NULL, "there is no API at %.*s", STR_ARG(c->req->path));
    return false;
}

static void data_report(struct call *c)
{
    call_reply(c, 200, S("application/json"), S("{\"Error\":false,\"Message\":\"\"}"));
}

static void user_auth_info(struct call *c)
{
    call_reply(c, 200, S("application/json"),
               S("{\"Error\":false,\"Message\":{\"Authentication\":1}}"));
}

static const char *error(struct http_request *r, const char *request_id, int status,
                         const char *code, const char *message, struct buf *out)
{
    struct jw w;

    (void)r;
    (void)request_id;
    (void)status;
    (void)code;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kbool(&w, "Error", true);
    jw_kstrz(&w, "Message", message);
    jw_obj_end(&w);
    return "application/json";
}

static const struct api_op ops[] = {
        {.route = {"POST", "/release/dataReport"},
         .name = "dataReport",
         .handle = data_report,
         .body_max = BODY_MAX,
         .unrecorded = true,
         .partly = "says yes and keeps nothing"},
        {.route = {"POST", "/release/getUserAuthInfo"},
         .name = "getUserAuthInfo",
         .handle = user_auth_info,
         .body_max = BODY_MAX,
         .unrecorded = true,
         .partly = "says that every account is a real person's"},
};

const struct api_set scf_vendor_api = {
        .name = "scf-vendor",
        .prefix = "/release/",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .any_host = true, /* under others, by_its_name(): a path that nobody knows */
        .admit = by_its_name,
        .error = error,
};
