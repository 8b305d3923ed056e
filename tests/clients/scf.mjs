// SPDX-License-Identifier: Apache-2.0
// Drives the unmodified tencentcloud-sdk-nodejs-scf. stdin: JSON array of steps [action, request]. In a request a
// text "$n.path" is what step n answered there. stdout: per step the answer, or {error: {code, message, requestId}}.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const { scf } = createRequire(import.meta.url)('tencentcloud-sdk-nodejs-scf');

const client = new scf.v20180416.Client({
  credential: { secretId: process.env.SCF_SECRET_ID, secretKey: process.env.SCF_SECRET_KEY, token: process.env.SCF_TOKEN },
  region: 'ap-guangzhou',
  profile: {
    signMethod: process.env.SCF_SIGN,
    httpProfile: { protocol: 'http://', endpoint: process.env.SCF_ENDPOINT, reqMethod: process.env.SCF_METHOD, reqTimeout: 60 },
  },
});

const results = [];
const resolved = (value) => {
  if (Array.isArray(value)) return value.map(resolved);
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, resolved(v)]));
  const reference = typeof value === 'string' && /^\$(\d+)\.(.+)$/.exec(value);
  return reference ? reference[2].split('.').reduce((at, k) => at[k], results[reference[1]]) : value;
};

for (const [action, request] of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    results.push(await client[action](resolved(request)));
  } catch (e) {
    results.push({ error: { name: e.constructor.name, code: e.code, message: e.message, requestId: e.requestId } });
  }
}
process.stdout.write(JSON.stringify(results));
