/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ops.c - SCF, version 2018-04-16: its actions, and the objects their parameters are made of. Members that
 * the vendor's component engine sends beside the public model are in them, too.
 */
#include "base/obj.h"
#include "dialect/scf/api/handlers.h"
#include "dialect/scf/api/layer.h"
#include "dialect/scf/api/scf_api.h"
#include "dialect/scf/scf.h"

static const struct scf_object objects[] = {
        {"Code", "CosBucketName CosObjectName ZipFile CosBucketRegion DemoId TempCosObjectName GitUrl GitUserName "
                 "GitPassword GitPasswordSecret GitBranch GitDirectory GitCommitId GitUserNameSecret"},
        {"Tag", "Key! Value!"},
};

#define AT .route = {"POST", "/"}

static const struct api_op ops[] = {
        {AT, .name = "GetAccount", .handle = scf_get_account, .scope = KEY_READ,
         .role = API_ROLE_ACCOUNT, .body_max = SCF_BODY_SMALL, .model = ""},
        {AT, .name = "PublishLayerVersion", .handle = scf_publish_layer, .scope = KEY_DEPLOY,
         .body_max = SCF_JSON_MAX, .json = true,
         .model = "LayerName! CompatibleRuntimes!:[s] Content!:Code Description LicenseInfo Tags:[Tag]"},
        {AT, .name = "GetLayerVersion", .handle = scf_get_layer, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "LayerName! LayerVersion!:i"},
        {AT, .name = "ListLayers", .handle = scf_list_layers, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "CompatibleRuntime Offset:i Limit:i SearchKey"},
        {AT, .name = "ListLayerVersions", .handle = scf_list_layer_versions, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "LayerName! CompatibleRuntime:[s]"},
        {AT, .name = "DeleteLayerVersion", .handle = scf_delete_layer, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "LayerName! LayerVersion!:i"},
};

const struct scf_service scf_service = {
        .name = "scf",
        .version = "2018-04-16",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .objects = objects,
        .nobjects = ARRAY_LEN(objects),
};

static void add_headers(struct call *c)
{
    call_header(c, "Cache-Control", S("no-store"));
}

const struct api_set scf_api = {
        .name = "scf",
        .prefix = "/",
        .ops = ops,
        .nops = ARRAY_LEN(ops),
        .claims = scf_claims,
        .door = &scf_door,
        .choose = scf_choose,
        .in_band = true,
        .admit = scf_admit,
        .verify = scf_verify,
        .refuse = scf_refuse,
        .realm = scf_realm,
        .too_large = scf_too_large,
        .error = scf_error_body,
        .headers = add_headers,
};
