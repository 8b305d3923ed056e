// SPDX-License-Identifier: Apache-2.0
// Drives the unmodified @alicloud/fc20230330. stdin: JSON array of steps {call, args, request, headers}: `request` is the
// name of a model whose body (or query) `args` ends with. stdout: per step {status, headers, body} or {error}.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const require = createRequire(import.meta.url);
const sdk = require('@alicloud/fc20230330');
const { Config } = require('@alicloud/openapi-core').$OpenApiUtil;
const { RuntimeOptions } = require('@darabonba/typescript');
const { Readable } = require('node:stream');

const client = new sdk.default(new Config({
  accessKeyId: process.env.FC_ACCESS_KEY,
  accessKeySecret: process.env.FC_SECRET_KEY,
  securityToken: process.env.FC_SECURITY_TOKEN,
  protocol: 'http',
  endpoint: process.env.FC_ENDPOINT,
  regionId: 'local-1',
}));

const collect = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString();
};

const run = async ({ call, args = [], request, body, query = {}, headers }) => {
  const all = [...args];
  if (call === 'invokeFunction') {
    all.push(new sdk.InvokeFunctionRequest({ ...query, body: Readable.from([Buffer.from(body ?? '')]) }));
    const answer = await client.invokeFunctionWithOptions(...all, new sdk.InvokeFunctionHeaders(headers ?? {}), new RuntimeOptions({}));
    return { status: answer.statusCode, headers: answer.headers, body: answer.body ? await collect(answer.body) : '' };
  }
  if (request) all.push(new sdk[request]({ ...query, ...(body ? { body: sdk[body.model] ? new sdk[body.model](body.value) : body.value } : {}) }));
  const answer = await client[call](...all);
  return { status: answer.statusCode, headers: answer.headers, body: answer.body };
};

const results = [];
for (const step of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    results.push(await run(step));
  } catch (e) {
    results.push({ error: { name: e.name, code: e.code, status: e.statusCode, message: e.message } });
  }
}
process.stdout.write(JSON.stringify(results));
