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
        {"AsyncTriggerConfig", "RetryConfig!:[RetryConfig] MsgTTL!:i"},
        {"CertConf", "CertificateId"},
        {"CfsConfig", "CfsInsList!:[CfsInsInfo]"},
        {"CfsInsInfo", "UserId! UserGroupId! CfsId! MountInsId! LocalMountDir! RemoteMountDir! "
                       "IpAddress MountVpcId MountSubnetId"},
        {"Code", "CosBucketName CosObjectName ZipFile CosBucketRegion DemoId TempCosObjectName "
                 "GitUrl GitUserName GitPassword GitPasswordSecret GitBranch GitDirectory "
                 "GitCommitId GitUserNameSecret ImageConfig:ImageConfig"},
        {"DeadLetterConfig", "Type! Name! FilterType"},
        {"EipConfigIn", "EipStatus!"},
        {"EndpointsConf",
         "Namespace! FunctionName! Qualifier! PathMatch! PathRewrite:[PathRewriteRule]"},
        {"Environment", "Variables:[Variable]"},
        {"Filter", "Name! Values!:[s]"},
        {"ImageConfig", "ImageType! ImageUri! RegistryId EntryPoint Command Args "
                        "ContainerImageAccelerate:b ImagePort:i"},
        {"InstanceConcurrencyConfig",
         "DynamicEnabled MaxConcurrency:i InstanceIsolationEnabled Type "
         "MixNodeConfig:[MixNodeConfig] SessionConfig:SessionConfig"},
        {"IntranetConfigIn", "IpFixed!"},
        {"K8SLabel", "Key! Value!"},
        {"K8SToleration", "Key Operator Effect Value TolerationSeconds:i"},
        {"LayerVersionSimple", "LayerName! LayerVersion!:i"},
        {"LogFilter", "RetCode"},
        {"LogSearchContext", "Offset! Limit!:i Keyword Type"},
        {"MixNodeConfig", "NodeSpec Num:i"},
        {"NamespaceResourceEnv", "TKE:NamespaceResourceEnvTKE OFFLINE:b"},
        {"NamespaceResourceEnvTKE",
         "ClusterID! SubnetID! Namespace! DataPath NodeSelector:[K8SLabel] "
         "Tolerations:[K8SToleration] Port:i PodTemplatePatch"},
        {"PathRewriteRule", "Path! Type! Rewrite!"},
        {"ProtocolParams", "WSParams:WSParams"},
        {"PublicNetConfigIn", "PublicNetStatus! EipConfig:EipConfigIn"},
        {"RetryConfig", "RetryNum!:i"},
        {"RoutingConfig",
         "AdditionalVersionWeights:[VersionWeight] AddtionVersionMatchs:[VersionMatch]"},
        {"SearchKey", "Key! Value!"},
        {"SessionConfig",
         "SessionSource SessionName MaximumConcurrencySessionPerInstance:i MaximumTTLInSeconds:i "
         "MaximumIdleTimeInSeconds:i SessionPath IdleTimeoutStrategy"},
        {"Tag", "Key! Value!"},
        {"TimeInterval", "Start! End!"},
        {"TriggerAction",
         "TriggerName! TriggerProvisionedConcurrencyNum!:i TriggerCronConfig! ProvisionedType"},
        {"Variable", "Key Value"},
        {"VersionMatch", "Version! Key! Method! Expression!"},
        {"VersionWeight", "Version! Weight!:f"},
        {"VpcConfig", "VpcId SubnetId"},
        {"WSParams", "IdleTimeOut:i"},
        {"WafConf", "WafOpen WafInstanceId"},
};

#define AT .route = {"POST", "/"}

static const struct api_op ops[] = {
        {AT, .name = "CreateFunction", .handle = scf_create_function, .scope = KEY_DEPLOY,
         .body_max = SCF_JSON_MAX, .json = true,
         .model =
                 "FunctionName! Code!:Code Handler Description MemorySize:i Timeout:i "
                 "Environment:Environment Runtime VpcConfig:VpcConfig Namespace Role "
                 "InstallDependency ClsLogsetId ClsTopicId Type CodeSource "
                 "Layers:[LayerVersionSimple] DeadLetterConfig:DeadLetterConfig "
                 "PublicNetConfig:PublicNetConfigIn CfsConfig:CfsConfig InitTimeout:i Tags:[Tag] "
                 "AsyncRunEnable TraceEnable AutoDeployClsTopicIndex AutoCreateClsTopic "
                 "ProtocolType ProtocolParams:ProtocolParams "
                 "InstanceConcurrencyConfig:InstanceConcurrencyConfig DnsCache "
                 "IntranetConfig:IntranetConfigIn DeployMode DiskSize:i NodeType NodeSpec L5Enable",
         .partly = "Type HTTP (web functions), and code from DemoId, TempCosObjectName, Git and "
                   "images are refused; VPC, CFS, CLS, dead letters and addresses are kept and "
                   "shown, and mean nothing"},
        {AT, .name = "UpdateFunctionCode", .handle = scf_update_function_code, .scope = KEY_DEPLOY,
         .body_max = SCF_JSON_MAX, .json = true,
         .model = "FunctionName! Handler CosBucketName CosObjectName ZipFile Namespace "
                  "CosBucketRegion InstallDependency EnvId Publish Code:Code CodeSource",
         .partly = "code from DemoId, TempCosObjectName, Git and images is refused"},
        {AT, .name = "UpdateFunctionConfiguration", .handle = scf_update_function_configuration,
         .scope = KEY_DEPLOY, .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Description MemorySize:i Timeout:i Runtime "
                  "Environment:Environment Namespace VpcConfig:VpcConfig Role InstallDependency "
                  "ClsLogsetId ClsTopicId Publish L5Enable Layers:[LayerVersionSimple] "
                  "DeadLetterConfig:DeadLetterConfig PublicNetConfig:PublicNetConfigIn "
                  "CfsConfig:CfsConfig InitTimeout:i ProtocolParams:ProtocolParams "
                  "InstanceConcurrencyConfig:InstanceConcurrencyConfig DnsCache "
                  "IntranetConfig:IntranetConfigIn IgnoreSysLog:b DiskSize:i",
         .partly =
                 "VPC, CFS, CLS, dead letters and addresses are kept and shown, and mean nothing"},
        {AT, .name = "GetFunction", .handle = scf_get_function, .scope = KEY_READ,
         .role = API_ROLE_ITSELF, .body_max = SCF_BODY_SMALL,
         .model = "FunctionName Qualifier Namespace ShowCode ShowTriggers",
         .partly = "CodeInfo is empty: the source is behind GetFunctionAddress"},
        {AT, .name = "ListFunctions", .handle = scf_list_functions, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL,
         .model =
                 "Order Orderby Offset:i Limit:i SearchKey Namespace Description Filters:[Filter]"},
        {AT, .name = "DeleteFunction", .handle = scf_delete_function, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "FunctionName! Namespace Qualifier"},
        {AT, .name = "DeleteFunctionVersion", .handle = scf_delete_function_version,
         .scope = KEY_DEPLOY, .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Qualifier! Namespace ForceDelete"},
        {AT, .name = "CopyFunction", .handle = scf_copy_function, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! NewFunctionName! Namespace TargetNamespace Description "
                  "TargetRegion Override:b CopyConfiguration:b",
         .partly = "within one region"},
        {AT, .name = "GetFunctionAddress", .handle = scf_get_function_address, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "FunctionName! Qualifier Namespace"},
        {AT, .name = "GetAccount", .handle = scf_get_account, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = ""},
        {AT, .name = "Invoke", .handle = scf_invoke, .scope = KEY_INVOKE, .role = API_ROLE_ACCOUNT,
         .body_max = SCF_JSON_MAX, .json = true,
         .model = "FunctionName! InvocationType Qualifier ClientContext LogType Namespace "
                  "RoutingKey"},
        {AT, .name = "InvokeFunction", .handle = scf_invoke_function, .scope = KEY_INVOKE,
         .role = API_ROLE_ACCOUNT, .body_max = SCF_JSON_MAX, .json = true,
         .model = "FunctionName! Qualifier Event LogType Namespace RoutingKey"},
        {AT, .name = "GetFunctionLogs", .handle = scf_get_function_logs, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName Offset:i Limit:i Order OrderBy Filter:LogFilter Namespace "
                  "Qualifier FunctionRequestId StartTime EndTime SearchContext:LogSearchContext",
         .partly = "ordered by time, whatever OrderBy says; SearchContext is not heeded"},
        {AT, .name = "GetRequestStatus", .handle = scf_get_request_status, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! FunctionRequestId! Namespace StartTime EndTime"},
        {AT, .name = "GetAsyncEventStatus", .handle = scf_get_async_status, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "InvokeRequestId!"},
        {AT, .name = "ListAsyncEvents", .handle = scf_list_async_events, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Namespace Qualifier InvokeType:[s] Status:[s] "
                  "StartTimeInterval:TimeInterval EndTimeInterval:TimeInterval Order Orderby "
                  "Offset:i Limit:i InvokeRequestId",
         .partly = "the latest 1000; by InvokeType, Qualifier and end nothing is picked"},
        {AT, .name = "TerminateAsyncEvent", .handle = scf_terminate_async_event,
         .scope = KEY_INVOKE, .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! InvokeRequestId! Namespace GraceShutdown:b",
         .partly = "a run is ended at once, without GraceShutdown"},
        {AT, .name = "GetFunctionEventInvokeConfig", .handle = scf_get_event_config,
         .scope = KEY_READ, .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Namespace Qualifier"},
        {AT, .name = "UpdateFunctionEventInvokeConfig", .handle = scf_update_event_config,
         .scope = KEY_DEPLOY, .body_max = SCF_BODY_SMALL,
         .model = "AsyncTriggerConfig!:AsyncTriggerConfig FunctionName! Namespace"},
        {AT, .name = "PublishVersion", .handle = scf_publish_version, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "FunctionName! Description Namespace"},
        {AT, .name = "ListVersionByFunction", .handle = scf_list_versions, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Namespace Offset:i Limit:i Order OrderBy"},
        {AT, .name = "CreateAlias", .handle = scf_create_alias, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL,
         .model = "Name! FunctionName! FunctionVersion! Namespace RoutingConfig:RoutingConfig "
                  "Description"},
        {AT, .name = "UpdateAlias", .handle = scf_update_alias, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Name! FunctionVersion! Namespace RoutingConfig:RoutingConfig "
                  "Description"},
        {AT, .name = "GetAlias", .handle = scf_get_alias, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "FunctionName! Name! Namespace"},
        {AT, .name = "ListAliases", .handle = scf_list_aliases, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Namespace FunctionVersion Offset Limit"},
        {AT, .name = "DeleteAlias", .handle = scf_delete_alias, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "FunctionName! Name! Namespace"},
        {AT, .name = "CreateTrigger", .handle = scf_create_trigger, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! TriggerName! Type! TriggerDesc Namespace Qualifier Enable "
                  "CustomArgument Description",
         .partly = "timer and apigw call the function; cos, cmq, ckafka, http, eb, mqtt, vod, cm, "
                   "custom_kafka are kept and wait for their source; cls, clb and mps are other "
                   "products' in the cloud, too"},
        {AT, .name = "UpdateTrigger", .handle = scf_update_trigger, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! TriggerName! Type! Enable Qualifier Namespace TriggerDesc "
                  "Description CustomArgument"},
        {AT, .name = "UpdateTriggerStatus", .handle = scf_update_trigger_status,
         .scope = KEY_DEPLOY, .body_max = SCF_BODY_SMALL,
         .model = "Enable! FunctionName! TriggerName! Type! Qualifier Namespace TriggerDesc"},
        {AT, .name = "DeleteTrigger", .handle = scf_delete_trigger, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! TriggerName! Type! Namespace TriggerDesc Qualifier"},
        {AT, .name = "ListTriggers", .handle = scf_list_triggers, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Namespace Offset:i Limit:i OrderBy Order Filters:[Filter]"},
        {AT, .name = "CreateNamespace", .handle = scf_create_namespace, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL,
         .model = "Namespace! Description ResourceEnv:NamespaceResourceEnv",
         .partly = "ResourceEnv (clusters) is refused"},
        {AT, .name = "UpdateNamespace", .handle = scf_update_namespace, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "Namespace! Description!"},
        {AT, .name = "DeleteNamespace", .handle = scf_delete_namespace, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "Namespace!"},
        {AT, .name = "ListNamespaces", .handle = scf_list_namespaces, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL,
         .model = "Limit:i Offset:i Orderby Order SearchKey:[SearchKey]"},
        {AT, .name = "PublishLayerVersion", .handle = scf_publish_layer, .scope = KEY_DEPLOY,
         .body_max = SCF_JSON_MAX, .json = true,
         .model = "LayerName! CompatibleRuntimes!:[s] Content!:Code Description LicenseInfo "
                  "Tags:[Tag]"},
        {AT, .name = "GetLayerVersion", .handle = scf_get_layer, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "LayerName! LayerVersion!:i"},
        {AT, .name = "ListLayers", .handle = scf_list_layers, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "CompatibleRuntime Offset:i Limit:i SearchKey"},
        {AT, .name = "ListLayerVersions", .handle = scf_list_layer_versions, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "LayerName! CompatibleRuntime:[s]"},
        {AT, .name = "DeleteLayerVersion", .handle = scf_delete_layer, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "LayerName! LayerVersion!:i"},
        {AT, .name = "PutProvisionedConcurrencyConfig", .handle = scf_put_provisioned,
         .scope = KEY_DEPLOY, .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Qualifier! VersionProvisionedConcurrencyNum!:i Namespace "
                  "TriggerActions:[TriggerAction] ProvisionedType TrackingTarget:f MinCapacity:i "
                  "MaxCapacity:i",
         .partly = "a fixed number; schedules and ConcurrencyUtilizationTracking are refused"},
        {AT, .name = "GetProvisionedConcurrencyConfig", .handle = scf_get_provisioned,
         .scope = KEY_READ, .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Namespace Qualifier"},
        {AT, .name = "DeleteProvisionedConcurrencyConfig", .handle = scf_delete_provisioned,
         .scope = KEY_DEPLOY, .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! Qualifier! Namespace"},
        {AT, .name = "PutReservedConcurrencyConfig", .handle = scf_put_reserved,
         .scope = KEY_DEPLOY, .body_max = SCF_BODY_SMALL,
         .model = "FunctionName! ReservedConcurrencyMem!:i Namespace"},
        {AT, .name = "GetReservedConcurrencyConfig", .handle = scf_get_reserved, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "FunctionName! Namespace"},
        {AT, .name = "DeleteReservedConcurrencyConfig", .handle = scf_delete_reserved,
         .scope = KEY_DEPLOY, .body_max = SCF_BODY_SMALL, .model = "FunctionName! Namespace"},
        {AT, .name = "PutTotalConcurrencyConfig", .handle = scf_put_total, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "TotalConcurrencyMem!:i Namespace",
         .absent = "memory is the installation's, not a namespace's: UnsupportedOperation"},
        {AT, .name = "CreateCustomDomain", .handle = scf_absent, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL,
         .model = "Domain! Protocol! EndpointsConfig!:[EndpointsConf] CertConfig:CertConf "
                  "WafConfig:WafConf Tags:[Tag]",
         .absent = "domains are set in evoke.yaml (gateway): UnsupportedOperation"},
        {AT, .name = "UpdateCustomDomain", .handle = scf_absent, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL,
         .model = "Domain! Protocol CertConfig:CertConf WafConfig:WafConf "
                  "EndpointsConfig:[EndpointsConf]",
         .absent = "domains are set in evoke.yaml (gateway): UnsupportedOperation"},
        {AT, .name = "GetCustomDomain", .handle = scf_absent, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "Domain",
         .absent = "domains are set in evoke.yaml (gateway): UnsupportedOperation"},
        {AT, .name = "DeleteCustomDomain", .handle = scf_absent, .scope = KEY_DEPLOY,
         .body_max = SCF_BODY_SMALL, .model = "Domain",
         .absent = "domains are set in evoke.yaml (gateway): UnsupportedOperation"},
        {AT, .name = "ListCustomDomains", .handle = scf_absent, .scope = KEY_READ,
         .body_max = SCF_BODY_SMALL, .model = "Offset:i Limit:i OrderBy Order Filters:[Filter]",
         .absent = "domains are set in evoke.yaml (gateway): UnsupportedOperation"},
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
