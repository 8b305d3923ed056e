// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * A rehearsal, for workers made before anybody needs them.
 *
 * What a first ASSIGN and a first call pay for is code that V8 has not compiled yet, and modules of
 * node that were not loaded. So a worker that has been waiting for a moment plays both once: frames
 * from a buffer instead of the socket, a handler of ours instead of the user's, answers to nowhere.
 * Nothing of it outlives the rehearsal, no file outside this directory is opened.
 */
const { OPEN, DATA, END, Channel } = require('./frames.js');
const { load } = require('./load.js');
const { Captured } = require('./output.js');
const errors = require('./errors.js');

const ROUNDS = 4;
const LOADS = 2;
const REHEARSAL = require.resolve('./rehearsal.js');
const DIALECTS = {
    functiongraph: { user_data: {} },
    fc: { function: {}, service: {} },
    scf: {},
};
/* What functions use most. Not https: it is a MiB that few of them need at once. */
const MODULES = ['http', 'crypto', 'zlib', 'url', 'child_process'];

/* A channel whose frames go nowhere. */
function nowhere(onFrame) {
    const channel = Object.create(Channel.prototype);

    return Object.assign(channel, {
        onFrame, rest: null, out: Buffer.allocUnsafeSlow(4096), used: 0,
        socket: { ref() {}, unref() {} },
        flush() { this.used = 0; },
    });
}

function frame(kind, stream, text) {
    const head = Buffer.alloc(12);

    head.writeUInt32BE(text.length);
    head[4] = kind;
    head.writeUInt32BE(stream, 8);
    return Buffer.concat([head, Buffer.from(text)]);
}

async function play(Worker, dialect) {
    const worker = new Worker();
    const channel = worker.channel = nowhere((...args) => worker.onFrame(...args));
    const assign = {
        dialect, instance_id: 'i', code_root: __dirname, cwd: '/', handler: 'rehearsal.handler', env: {},
        log_line_bytes: 1000, answer_max: 1000, context: DIALECTS[dialect],
    };

    worker.rehearse(assign);
    for (let i = 0; i < LOADS; i++) {
        delete require.cache[REHEARSAL];
        worker.handler = await load(__dirname, 'rehearsal.handler', 'handler');
    }
    const streams = [new Captured(worker.output, 1), new Captured(worker.output, 2)];
    for (let stream = 1; stream <= ROUNDS; stream++) {
        channel.take(Buffer.concat([
            frame(OPEN, stream, `{"request_id":"r-${stream}","timeout_ms":1000}`),
            frame(DATA, stream, '{"key":"value"}'), frame(END, stream, ''),
        ]));
        streams[stream % 2].write('a line\n');
        worker.output.record('INFO', ['%s', 'text', { a: 1 }]);
        await null;
    }
    errors.of(new Error('rehearsed')).text();
}

/* In steps of a few milliseconds each, until there is something better to do. */
async function warm(Worker, idle) {
    const steps = [
        ...Object.keys(DIALECTS).map(dialect => () => play(Worker, dialect)),
        ...MODULES.map(name => () => require(name)),
    ];

    for (const step of steps) {
        if (!idle())
            return;
        await step();
        delete require.cache[REHEARSAL];
        await new Promise(setImmediate);
    }
}

module.exports = { warm };
