// SPDX-License-Identifier: Apache-2.0
// The asynchronous half of FunctionGraph's official Node SDK, unmodified: told as one JSON document in a file.
// usage: EVOKE_URL, EVOKE_ACCESS_KEY, EVOKE_SECRET_KEY in the environment; node functiongraph_async.mjs FILE
import { writeFileSync } from 'node:fs';

import core from '@huaweicloud/huaweicloud-sdk-core';
import api from '@huaweicloud/huaweicloud-sdk-functiongraph/v2/public-api.js';

const project = '0123456789abcdef0123456789abcdef';
const { EVOKE_URL: endpoint, EVOKE_ACCESS_KEY: ak, EVOKE_SECRET_KEY: sk } = process.env;
const credential = new core.BasicCredentials().withAk(ak).withSk(sk).withProjectId(project);
const c = api.FunctionGraphClient.newBuilder().withCredential(credential).withEndpoint(endpoint).build();
const urn = (name) => `urn:fss:local-1:${project}:function:default:${name}`;
const told = {};

// What an SDK call came to: its result, or its error as the SDK words it.
async function step(name, call) {
    try {
        told[name] = await call();
    } catch (e) {
        told[name] = { status: e.httpStatusCode, code: e.errorCode, message: e.errorMsg };
    }
    return told[name];
}

const make = (name, source) => c.createFunction(new api.CreateFunctionRequest().withBody(
    new api.CreateFunctionRequestBody().withFuncName(name).withPackage('default').withRuntime('Python3.9').withTimeout(900)
        .withHandler('index.handler').withMemorySize(128).withCodeType('inline').withCodeFilename('index.py')
        .withFuncCode(new api.FuncCode().withFile(Buffer.from(source).toString('base64')))));
const start = (name, event) => c.asyncInvokeFunction(
    new api.AsyncInvokeFunctionRequest().withFunctionUrn(urn(name)).withBody(event));

// Its record, as soon as it has one of these statuses.
async function record(name, id, ...statuses) {
    for (const end = Date.now() + 30000; Date.now() < end;) {
        const { invocations } = await c.listAsyncInvocations(
            new api.ListAsyncInvocationsRequest().withFunctionUrn(urn(name)).withRequestId(id));
        if (invocations.length && statuses.includes(invocations[0].status))
            return { n: invocations.length, ...invocations[0] };
    }
    throw new Error(`${name} ${id} is not ${statuses}`);
}

await make('node-async', "def handler(event, context):\n    return event\n");
await make('node-told', "def handler(event, context):\n    return event\n");
await make('node-hung', "import time\ndef handler(event, context):\n    time.sleep(1000)\n");

await step('config', () => c.updateFunctionAsyncInvokeConfig(new api.UpdateFunctionAsyncInvokeConfigRequest()
    .withFunctionUrn(urn('node-async')).withBody(new api.UpdateFunctionAsyncInvokeConfigRequestBody()
        .withMaxAsyncEventAgeInSeconds(60).withMaxAsyncRetryAttempts(2).withDestinationConfig(
            new api.FuncAsyncDestinationConfig().withOnSuccess(new api.FuncDestinationConfig()
                .withDestination('FunctionGraph').withParam(JSON.stringify({ func_urn: urn('node-told') })))))));
await step('configs', () => c.listFunctionAsyncInvokeConfig(
    new api.ListFunctionAsyncInvokeConfigRequest().withFunctionUrn(urn('node-async'))));
const { request_id: id } = await step('start', () => start('node-async', { k: 'v é' }));
await step('record', () => record('node-async', id, 'SUCCESS'));
await step('told', async () => {
    for (const end = Date.now() + 30000; Date.now() < end;) {
        const { invocations } = await c.listAsyncInvocations(
            new api.ListAsyncInvocationsRequest().withFunctionUrn(urn('node-told')).withStatus('SUCCESS'));
        if (invocations.length)
            return { n: invocations.length };
    }
    return { n: 0 };
});
await step('unconfig', () => c.deleteFunctionAsyncInvokeConfig(
    new api.DeleteFunctionAsyncInvokeConfigRequest().withFunctionUrn(urn('node-async'))));
await step('none', () => c.showFunctionAsyncInvokeConfig(
    new api.ShowFunctionAsyncInvokeConfigRequest().withFunctionUrn(urn('node-async'))));

const hung = await start('node-hung', {});
await step('running', () => record('node-hung', hung.request_id, 'RUNNING'));
await step('active', () => c.listActiveAsyncInvocations(
    new api.ListActiveAsyncInvocationsRequest().withFunctionUrn(urn('node-hung')).withRequests(hung.request_id)));
const cancel = (request) => c.cancelAsyncInvocation(new api.CancelAsyncInvocationRequest().withFunctionUrn(urn('node-hung'))
    .withBody(new api.CancelAsyncInvocationRequestBody().withRequestId(request).withType('force')));
await step('cancel', () => cancel(hung.request_id));
await step('cancelled', () => record('node-hung', hung.request_id, 'FAIL'));
await step('unknown', () => cancel('nobody'));

const timer = () => c.createFunctionTrigger(new api.CreateFunctionTriggerRequest().withFunctionUrn(urn('node-async')).withBody(
    new api.CreateFunctionTriggerRequestBody().withTriggerTypeCode('TIMER').withTriggerStatus('DISABLED').withEventData(
        new api.TriggerEventDataRequestBody().withName('T').withScheduleType('Cron').withSchedule('0 15 2 * * ?')
            .withUserEvent('u'))));
const { trigger_id: trigger } = await step('trigger', timer);
await step('triggerAgain', timer);
await step('triggers', () => c.listFunctionTriggers(
    new api.ListFunctionTriggersRequest().withFunctionUrn(urn('node-async'))));
await step('triggerOn', () => c.updateTrigger(new api.UpdateTriggerRequest().withFunctionUrn(urn('node-async'))
    .withTriggerTypeCode('TIMER').withTriggerId(trigger).withBody(
        new api.UpdateTriggerRequestBody().withTriggerStatus('ACTIVE'))));
await step('triggerShown', () => c.showFunctionTrigger(new api.ShowFunctionTriggerRequest()
    .withFunctionUrn(urn('node-async')).withTriggerTypeCode('TIMER').withTriggerId(trigger)));
await step('triggerGone', () => c.deleteFunctionTrigger(new api.DeleteFunctionTriggerRequest()
    .withFunctionUrn(urn('node-async')).withTriggerTypeCode('TIMER').withTriggerId(trigger)));

for (const name of ['node-async', 'node-told', 'node-hung'])
    await c.deleteFunction(new api.DeleteFunctionRequest().withFunctionUrn(urn(name)));
writeFileSync(process.argv[2], JSON.stringify(told));
