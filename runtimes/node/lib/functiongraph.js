// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * FunctionGraph: parsed events, a context of methods, errors with a list of trace lines.
 * Values of the context that have no meaning here are empty text.
 */
const { logger } = require('./output.js');
const { Report } = require('./errors.js');
const { parse, stringify, monotonicMs, jsonBytes, asBytes } = require('./values.js');

const LEVELS = ['debug', 'log', 'info', 'warn', 'error'];

class Context {
    #static;
    #requestId;
    #endsAt;
    #credentials;
    #logger;

    constructor(fixed, requestId, timeoutMs, credentials, log) {
        this.#static = fixed;
        this.#requestId = requestId;
        this.#endsAt = monotonicMs() + timeoutMs;
        this.#credentials = credentials || {};
        this.#logger = log;
    }

    getRequestID() { return this.#requestId; }
    getRemainingTimeInMilliSeconds() { return Math.max(0, Math.floor(this.#endsAt - monotonicMs())); }
    getRunningTimeInSeconds() { return this.#static.timeout_s || 0; }
    getFunctionName() { return this.#static.function || ''; }
    getVersion() { return this.#static.version || ''; }
    getMemorySize() { return this.#static.memory_mb || 0; }
    getCPUNumber() { return this.#static.cpu || 0; }
    getProjectID() { return this.#static.project_id || ''; }
    getPackage() { return this.#static.package || ''; }
    getAlias() { return this.#static.alias || ''; }

    getUserData(key, otherwise) {
        const data = this.#static.user_data || {};

        return Object.prototype.hasOwnProperty.call(data, key) ? data[key] : otherwise;
    }

    getToken() { return ''; }
    getAccessKey() { return this.#credentials.access_key || ''; }
    getSecretKey() { return this.#credentials.secret_key || ''; }
    getSecurityAccessKey() { return this.#credentials.access_key || ''; }
    getSecuritySecretKey() { return this.#credentials.secret_key || ''; }
    getSecurityToken() { return this.#credentials.security_token || ''; }
    getLogger() { return this.#logger; }
    getWorkflowID() { return ''; }
    getWorkflowRunID() { return ''; }
    getWorkflowStateID() { return ''; }
}

class Dialect {
    constructor(assign, output) {
        this.fixed = assign.context;
        this.answerMax = assign.answer_max;
        this.logger = logger(output, LEVELS, 'setLevel', name => name === 'log' ? 'INFO' : name.toUpperCase());
        this.logger.setLevel('log');
    }

    install() {}

    memoryMb() {
        return this.fixed.memory_mb || 0;
    }

    /* Said in the log before a handler is used for the first time. */
    loading() { return ''; }

    context(requestId, timeoutMs, credentials) {
        return new Context(this.fixed, requestId, timeoutMs, credentials, this.logger);
    }

    event(bytes) {
        return bytes.length === 0 ? {} : parse(bytes.toString());
    }

    answer(value) {
        return asBytes(value) || jsonBytes(value);
    }

    tooLarge() {
        return new Report('FunctionResponseTooLarge', `function response is larger than ${this.answerMax} bytes`,
            true);
    }

    error(report) {
        const result = { errorMessage: report.message, errorType: report.type };

        if (report.frames.length > 0)
            result.stackTrace = report.frames;
        return Buffer.from(stringify(result));
    }
}

module.exports = { Dialect };
