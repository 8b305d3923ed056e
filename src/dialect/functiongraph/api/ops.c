/* SPDX-License-Identifier: Apache-2.0 */
/* ops.c - every FunctionGraph operation this version answers. One line each; the rest of the API is
 * 404 APIGW.0101, as the cloud's own front door says it. */
#include "auth/auth.h"
#include "base/obj.h"
#include "dialect/functiongraph/api/fg.h"
#include "dialect/functiongraph/functiongraph.h"

#define FUNCTIONS "/v2/{project}/fgs/functions"
#define FUNCTION  FUNCTIONS "/{urn}"

static const struct api_op ops[] = {
        {{"POST", FUNCTIONS}, "CreateFunction", FG_CODE_BODY, fg_create_function, .json = true},
        {{"GET", FUNCTIONS}, "ListFunctions", FG_CONFIG_BODY, fg_list_functions},
        {{"DELETE", FUNCTION}, "DeleteFunction", FG_CONFIG_BODY, fg_delete_function},
        {{"GET", FUNCTION "/config"},
         "ShowFunctionConfig",
         FG_CONFIG_BODY,
         fg_show_config,
         .role = API_ROLE_ITSELF},
        {{"PUT", FUNCTION "/config"}, "UpdateFunctionConfig", FG_CONFIG_BODY, fg_update_config},
        {{"GET", FUNCTION "/code"}, "ShowFunctionCode", FG_CONFIG_BODY, fg_show_code},
        {{"PUT", FUNCTION "/code"},
         "UpdateFunctionCode",
         FG_CODE_BODY,
         fg_update_code,
         .json = true},
        {{"PUT", FUNCTION "/reservedinstances"},
         "UpdateFunctionReservedInstances",
         FG_CONFIG_BODY,
         fg_reserve},
        {{"GET", FUNCTIONS "/reservedinstances"},
         "ListReservedInstances",
         FG_CONFIG_BODY,
         fg_list_reserved},
        {{"GET", FUNCTIONS "/reservedinstanceconfigs"},
         "ListReservedInstanceConfigs",
         FG_CONFIG_BODY,
         fg_list_reserve_configs},
        {{"POST", FUNCTION "/invocations"},
         "InvokeFunction",
         FG_EVENT_BODY,
         fg_invoke,
         .role = API_ROLE_ACCOUNT},
        {{"POST", FUNCTION "/invocations-async"},
         "AsyncInvokeFunction",
         FG_EVENT_BODY,
         fg_invoke_async,
         .role = API_ROLE_ACCOUNT},
};

const struct api_set functiongraph_api = {
        .name = "functiongraph",
        .prefix = "/v2/",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .wrong_method = 404,
        .admit = fg_admit,
        .verify = auth_sdk_body,
        .refuse = fg_refuse_auth,
        .too_large = fg_too_large,
        .error = fg_error_body,
        .headers = fg_headers,
};
