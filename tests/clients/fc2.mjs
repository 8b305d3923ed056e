// SPDX-License-Identifier: Apache-2.0
// Drives the unmodified @alicloud/fc2. stdin: JSON array of steps {call, args}; an argument {"base64": "..."} becomes a
// Buffer. stdout: JSON array with {headers, data} or {error: {name, code, message}} per step.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const FCClient = createRequire(import.meta.url)('@alicloud/fc2');

const client = new FCClient(process.env.FC_ACCOUNT, {
  accessKeyID: process.env.FC_ACCESS_KEY,
  accessKeySecret: process.env.FC_SECRET_KEY,
  securityToken: process.env.FC_SECURITY_TOKEN,
  region: 'local-1',
  endpoint: process.env.FC_ENDPOINT,
  timeout: 60000,
});

const revive = (a) => (a && typeof a === 'object' && 'base64' in a ? Buffer.from(a.base64, 'base64') : a);

const results = [];
for (const { call, args } of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    const { headers, data } = await client[call](...args.map(revive));
    results.push({ headers, data });
  } catch (e) {
    results.push({ error: { name: e.name, code: e.code, message: e.message } });
  }
}
process.stdout.write(JSON.stringify(results));
