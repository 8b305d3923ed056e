// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * Whatever was thrown, as data: type, message, and those frames of the stack that are the user's.
 *
 * Anything can be thrown, and its getters can throw again. Sizes are bounded here, because a message
 * may be as large as the data that caused it.
 */
const { inspect } = require('util');
const { LoadError } = require('./load.js');
const { stringify } = require('./values.js');

const MAX_MESSAGE = 8192;
const MAX_FRAMES = 50;
const MAX_LINE = 500;
const NOT_THEIRS = /\(?node:internal\//;

class Report {
    /* isError: an Error was thrown, not just a value. head: of the stack, up to its first frame. */
    constructor(type, message, isError, head, frames) {
        this.type = cut(type, MAX_LINE);
        this.message = cut(message, MAX_MESSAGE);
        this.isError = isError;
        this.head = head || [`${this.type}: ${this.message}`];
        this.frames = frames || [];
        this.ours = false; // it is we who found something wrong, not the function's code
    }

    text() {
        return [...this.head, ...this.frames.map(line => '    ' + line)].join('\n') + '\n';
    }
}

function cut(text, max) {
    return text.length > max ? text.slice(0, max) + '...' : text;
}

function of(thrown) {
    if (thrown instanceof LoadError) {
        const [head, frames] = thrown.cause ? stackOf(thrown.cause) : [[], []];

        return Object.assign(
            new Report(thrown.type, thrown.message, true, [`${thrown.type}: ${thrown.message}`, ...head], frames),
            { ours: true });
    }
    try {
        if (isError(thrown)) {
            const [head, frames] = stackOf(thrown);

            return new Report(String(thrown.name || 'Error'), String(thrown.message), true, head, frames);
        }
        return new Report('Error', textOf(thrown), false);
    } catch (e) {
        return new Report('Error', "<the error's own text failed>", false);
    }
}

/* Also of another context (vm), and of libraries that make their own. */
function isError(thrown) {
    return thrown instanceof Error || (thrown !== null && typeof thrown === 'object' &&
        typeof thrown.message === 'string' && typeof thrown.stack === 'string');
}

function textOf(value) {
    if (Buffer.isBuffer(value))
        return value.toString();
    if (typeof value === 'object' && value !== null)
        return stringify(value) || inspect(value);
    return String(value);
}

/* [lines before the first frame, frames trimmed]; a message may have several lines. */
function stackOf(error) {
    const head = [], frames = [];

    for (const line of cut(String(error.stack || error), 8 * MAX_MESSAGE).split('\n')) {
        if (/^\s+at /.test(line)) {
            if (!NOT_THEIRS.test(line) && !line.includes(__dirname) && frames.length < MAX_FRAMES)
                frames.push(cut(line.trim(), MAX_LINE));
        } else if (frames.length === 0) {
            head.push(cut(line, MAX_MESSAGE));
        }
    }
    return [head, frames];
}

module.exports = { Report, of };
