// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * Function Compute: raw events, a context of properties, console lines with request id and level.
 *
 * The cloud has two Node.js runtimes, up to nodejs14 and from nodejs16 on; they word errors differently.
 */
const { logger } = require('./output.js');
const { Report } = require('./errors.js');
const { stringify, asBytes, jsonBytes } = require('./values.js');

const LEVELS = ['debug', 'verbose', 'info', 'warn', 'error'];
const NEW_ERRORS_SINCE = 16;

const VARIABLES = [
    ['access_key', ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'accessKeyID']],
    ['secret_key', ['ALIBABA_CLOUD_ACCESS_KEY_SECRET', 'accessKeySecret']],
    ['security_token', ['ALIBABA_CLOUD_SECURITY_TOKEN', 'securityToken']],
];

class Dialect {
    constructor(assign, output) {
        const major = /^nodejs(\d+)/.exec(assign.runtime || '');

        this.fixed = assign.context;
        this.answerMax = assign.answer_max;
        this.newErrors = !major || Number(major[1]) >= NEW_ERRORS_SINCE;
        this.logger = logger(output, LEVELS, 'setLogLevel', name => name);
        this.logger.log = this.logger.verbose;
    }

    /* In the cloud `console` is a logger: console.log() is level verbose. */
    install() {
        const { debug, log, verbose, info, warn, error, setLogLevel } = this.logger;

        Object.assign(console, { debug, log, verbose, info, warn, error, setLogLevel });
    }

    memoryMb() {
        return (this.fixed.function || {}).memory || 0;
    }

    loading(handler) {
        return `load code for handler:${handler}\n`;
    }

    context(requestId, timeoutMs, credentials, retryCount) {
        const fn = this.fixed.function || {}, service = this.fixed.service || {}, keys = credentials || {};

        if (credentials)
            for (const [field, names] of VARIABLES)
                for (const name of names)
                    process.env[name] = credentials[field] || '';
        return {
            requestId,
            credentials: {
                accessKeyId: keys.access_key || '',
                accessKeySecret: keys.secret_key || '',
                securityToken: keys.security_token || '',
            },
            function: {
                name: fn.name || '',
                handler: fn.handler || '',
                memory: fn.memory || 0,
                timeout: fn.timeout || 0,
                initializer: fn.initializer || '',
                initializationTimeout: fn.initialization_timeout || 0,
            },
            service: {
                name: service.name || '',
                logProject: service.log_project || '',
                logStore: service.log_store || '',
                qualifier: service.qualifier || '',
                versionId: service.version_id || '',
            },
            region: this.fixed.region || '',
            accountId: this.fixed.account_id || '',
            retryCount,
            tracing: { openTracingSpanContext: '', openTracingSpanBaggages: {}, jaegerEndpoint: '' },
            logger: this.logger,
        };
    }

    event(bytes) {
        return bytes;
    }

    answer(value) {
        return asBytes(value) || (typeof value === 'object' ? jsonBytes(value) : Buffer.from(String(value)));
    }

    tooLarge() {
        return new Report('ResponseTooLarge',
            `response size exceeds maximum allowed size (${this.answerMax} bytes)`, true);
    }

    error(report, handled) {
        const result = { errorMessage: report.message };

        if (report.isError) {
            result.errorType = report.type;
            result.stackTrace = this.newErrors ? [...report.head, ...report.frames] : report.frames;
        } else if (this.newErrors) {
            result.errorType = handled ? 'FunctionHandledError' : 'FunctionUnhandledError';
        }
        return Buffer.from(stringify(result));
    }
}

module.exports = { Dialect };
