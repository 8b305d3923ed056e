// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * The Node.js worker: what runs inside a sandbox and turns frames on descriptor 3 into calls.
 *
 * Start here, then read lib/worker.js. Plain CommonJS without dependencies; nothing of it stays
 * where the function's author would meet it: not in require.cache, not as require.main.
 */
const { main } = require('./lib/worker.js');

for (const file of Object.keys(require.cache))
    delete require.cache[file];
process.mainModule = undefined;
main(3);
