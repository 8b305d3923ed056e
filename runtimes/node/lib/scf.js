// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * SCF: parsed events, JSON answers, a context of plain fields, errors with a number, console lines
 * with time and request id.
 *
 * Two ways of answering beside a return value: the callback, which is heard at once and answered
 * when nothing is left to do (callbackWaitsForEmptyEventLoop), and context.succeed(), fail() and
 * done(), which end the call there and then.
 */
const { format } = require('util');
const { Report } = require('./errors.js');
const { LoadError } = require('./load.js');
const { parse, stringify, jsonBytes, monotonicMs } = require('./values.js');

const USER_CODE = { status: 430, message: 'user code exception caught' };
const NOT_JSON = 'InvalidParameterValue', TOO_LARGE = 'ResponseTooLarge';
/* Where it is we who say what is wrong. */
const STATUS = {
    [NOT_JSON]: 400, [TOO_LARGE]: 407, HandlerNotFound: 437, ImportModuleError: 443, SyntaxError: 443,
};
const USER_CODE_ERROR = 443;

const VARIABLES = [
    ['access_key', 'TENCENTCLOUD_SECRETID'],
    ['secret_key', 'TENCENTCLOUD_SECRETKEY'],
    ['security_token', 'TENCENTCLOUD_SESSIONTOKEN'],
];
const LINES = ['log', 'debug', 'info', 'warn', 'error'];

/* How a call ends other than by what the function returns; for call.js. */
const manner = {
    /* The context is told how to end the call: end(error | null, value, atOnce). */
    arm([, context], end) {
        if (!context)
            return;
        const done = (error, value) => end(error, value, true);

        for (const [name, value] of [
            ['succeed', value => done(null, value)],
            ['fail', error => done(error === undefined || error === null ? new Error('failed') : error)],
            ['done', done],
        ])
            Object.defineProperty(context, name, { value, configurable: true, writable: true });
    },

    waits([, context]) {
        return Boolean(context && context.callbackWaitsForEmptyEventLoop);
    },
};

class Dialect {
    constructor(assign, output) {
        this.fixed = assign.context;
        this.output = output;
        this.manner = manner;
    }

    /* What is written to process.stdout stays as it is. */
    install() {
        for (const name of LINES)
            console[name] = (...args) => {
                const run = this.output.current(), id = run ? run.requestId : '';

                this.output.print(run, `${new Date().toISOString()}\t${id}\t${format(...args)}\n`);
            };
    }

    memoryMb() {
        return this.fixed.memory_limit_in_mb || 0;
    }

    loading() { return ''; }

    context(requestId, timeoutMs, credentials) {
        const { fixed } = this, endsAt = monotonicMs() + timeoutMs;
        let waits = true;

        if (credentials)
            for (const [field, name] of VARIABLES)
                process.env[name] = credentials[field] || '';
        return {
            getRemainingTimeInMillis: () => Math.max(0, Math.floor(endsAt - monotonicMs())),
            get callbackWaitsForEmptyEventLoop() { return waits; },
            set callbackWaitsForEmptyEventLoop(value) { waits = Boolean(value); },
            memory_limit_in_mb: fixed.memory_limit_in_mb || 0,
            time_limit_in_ms: fixed.time_limit_in_ms || 0,
            request_id: requestId,
            environment: fixed.environment || '',
            environ: fixed.environ || '',
            function_version: fixed.function_version || '',
            function_name: fixed.function_name || '',
            namespace: fixed.namespace || '',
            tencentcloud_region: fixed.tencentcloud_region || '',
            tencentcloud_appid: fixed.tencentcloud_appid || '',
            tencentcloud_uin: fixed.tencentcloud_uin || '',
        };
    }

    event(bytes) {
        if (bytes.length === 0)
            return {};
        try {
            return parse(bytes.toString());
        } catch (e) {
            throw new LoadError(NOT_JSON, `the event is not JSON: ${e.message}`);
        }
    }

    answer(value) {
        return jsonBytes(value === undefined ? null : value);
    }

    tooLarge() {
        return Object.assign(new Report(TOO_LARGE, 'body size is too long', true), { ours: true });
    }

    error(report, handled, requestId) {
        const { status, message } = report.ours
            ? { status: STATUS[report.type] || USER_CODE_ERROR, message: report.message } : USER_CODE;
        const result = { errorCode: -1, errorMessage: message, requestId };

        if (!report.ours || report.frames.length > 0)
            result.stackTrace = report.text().trimEnd();
        result.statusCode = status;
        return Buffer.from(stringify(result));
    }
}

module.exports = { Dialect };
