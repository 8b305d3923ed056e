// SPDX-License-Identifier: Apache-2.0
// The official Node SDK of FunctionGraph, unmodified: one life of a function, told as one JSON document in a file
// (stdout belongs to the SDK's own log).
// usage: EVOKE_URL, EVOKE_ACCESS_KEY, EVOKE_SECRET_KEY in the environment; node functiongraph.mjs FILE
import { writeFileSync } from 'node:fs';

import core from '@huaweicloud/huaweicloud-sdk-core';
import api from '@huaweicloud/huaweicloud-sdk-functiongraph/v2/public-api.js';

const project = '0123456789abcdef0123456789abcdef';
const { EVOKE_URL: endpoint, EVOKE_ACCESS_KEY: ak, EVOKE_SECRET_KEY: sk } = process.env;

function client(secret = sk) {
    const credential = new core.BasicCredentials().withAk(ak).withSk(secret).withProjectId(project);
    return api.FunctionGraphClient.newBuilder().withCredential(credential).withEndpoint(endpoint).build();
}

const c = client();
const b64 = (text) => Buffer.from(text).toString('base64');
const urn = (tail = '') => `urn:fss:local-1:${project}:function:default:node-sdk${tail}`;
const told = {};

// What an SDK call came to: its result, or its error as the SDK words it.
async function step(name, call) {
    try {
        told[name] = await call();
    } catch (e) {
        told[name] = {
            exception: e.constructor.name, status: e.httpStatusCode, code: e.errorCode, message: e.errorMsg,
            requestId: e.requestId,
        };
    }
}

function createBody(extra = {}) {
    const code = new api.FuncCode().withFile(b64(
        "def handler(event, context):\n    print('line', event.get('k'))\n" +
        "    if event.get('fail'):\n        raise ValueError('on purpose')\n    return {'got': event}\n"));
    const body = new api.CreateFunctionRequestBody()
        .withFuncName('node-sdk').withPackage('default').withRuntime('Python3.9').withTimeout(10)
        .withHandler('index.handler').withMemorySize(128).withCodeType('inline').withCodeFilename('index.py')
        .withFuncCode(code).withUserData('{"K":"V"}').withDescription('made by Node');
    return Object.assign(body, extra);
}

async function invoke(event, version, tail, target = urn(':latest')) {
    const request = new api.InvokeFunctionRequest().withFunctionUrn(target).withBody(event);
    if (version)
        request.withXCFFRequestVersion(version);
    if (tail)
        request.withXCffLogType('tail');
    return c.invokeFunction(request);
}

await step('create', () => c.createFunction(new api.CreateFunctionRequest().withBody(createBody())));
await step('again', () => c.createFunction(new api.CreateFunctionRequest().withBody(createBody())));
await step('list', () => c.listFunctions(new api.ListFunctionsRequest().withFuncName('node-s').withMaxitems('10').withMarker('0')));
await step('config', () => c.showFunctionConfig(new api.ShowFunctionConfigRequest().withFunctionUrn(urn())));
await step('code', () => c.showFunctionCode(new api.ShowFunctionCodeRequest().withFunctionUrn(urn())));
await step('v1', () => invoke({ k: 'v é' }, 'v1', true));
await step('v0', () => invoke({ k: 'v é' }));
await step('failed', () => invoke({ fail: true }, 'v1', true));
await step('alias', () => invoke({}, 'v1', false, urn(':!prod')));
await step('updateCode', () => c.updateFunctionCode(new api.UpdateFunctionCodeRequest().withFunctionUrn(urn()).withBody(
    new api.UpdateFunctionCodeRequestBody().withCodeType('inline').withCodeFilename('index.py').withFuncCode(
        new api.FuncCode().withFile(b64("def handler(event, context):\n    return context.getUserData('K')\n"))))));
await step('updateConfig', () => c.updateFunctionConfig(new api.UpdateFunctionConfigRequest().withFunctionUrn(urn()).withBody(
    new api.UpdateFunctionConfigRequestBody().withFuncName('node-sdk').withRuntime('Python3.9').withTimeout(20)
        .withHandler('index.handler').withMemorySize(256).withUserData('{"K":"W"}'))));
await step('updated', () => invoke({}, 'v1'));
await step('delete', () => c.deleteFunction(new api.DeleteFunctionRequest().withFunctionUrn(urn())));
await step('gone', () => invoke({}, 'v1'));
await step('wrongSecret', () => client('wrong').listFunctions(new api.ListFunctionsRequest()));
writeFileSync(process.argv[2], JSON.stringify(told));
