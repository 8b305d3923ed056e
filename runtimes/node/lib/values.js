// SPDX-License-Identifier: Apache-2.0
'use strict';
/* What both dialects need: a clock, and what a handler returned as bytes. */
const { performance } = require('perf_hooks');
const { parse, stringify } = JSON; // taken now: the function may replace them

/* The handler returned what cannot become an answer. */
class ReturnTypeError extends Error {}
ReturnTypeError.prototype.name = 'ReturnTypeError';

function monotonicMs() {
    return performance.now();
}

/* Nothing is empty, text and bytes are themselves; null: something else. */
function asBytes(value) {
    if (value === undefined || value === null)
        return Buffer.alloc(0);
    if (typeof value === 'string')
        return Buffer.from(value);
    if (Buffer.isBuffer(value))
        return value;
    if (ArrayBuffer.isView(value))
        return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (value instanceof ArrayBuffer)
        return Buffer.from(value);
    return null;
}

function jsonBytes(value) {
    let text, why = 'JSON has no such value';

    try {
        text = stringify(value);
    } catch (e) {
        why = e && e.message;
    }
    if (text === undefined)
        throw new ReturnTypeError(`the handler returned a value of type '${typeName(value)}' that cannot be ` +
            `an answer: ${why}`);
    return Buffer.from(text);
}

function typeName(value) {
    if (typeof value !== 'object')
        return typeof value;
    const { constructor } = value;

    return typeof constructor === 'function' && constructor.name || 'object';
}

module.exports = { parse, stringify, ReturnTypeError, monotonicMs, asBytes, jsonBytes };
