// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * Function Compute's HTTP handlers: handler(req, resp, context), which ends with resp.send().
 *
 * The answer leaves whole, because it has to be an error result if a stream that was sent fails on its
 * way. A handler that is done without having sent anything, and leaves nothing behind that could, has
 * failed: where the cloud would wait for its timeout, it is told at once.
 */
const { Readable } = require('stream');
const { isThenable, whenEmpty } = require('./call.js');

const MAX_HEAD = 16384;
const DEFAULT_STATUS = 200;
/* Of these the first counts (RFC 9110); of others all, joined. */
const UNIQUE = new Set([
    'age', 'authorization', 'content-length', 'content-type', 'etag', 'expires', 'from', 'host',
    'if-modified-since', 'if-unmodified-since', 'last-modified', 'location', 'max-forwards',
    'proxy-authorization', 'referer', 'retry-after', 'server', 'user-agent',
]);

class Request extends Readable {
    constructor(http, body) {
        super();
        this.method = http.method;
        this.clientIP = http.client_ip;
        this.url = http.uri;
        this.path = http.path;
        this.queries = queriesOf(http.queries);
        this.headers = headersOf(http.headers);
        this.body = body;
    }

    getHeader(name) {
        return this.headers[String(name).toLowerCase()];
    }

    _read() {
        if (this.body.length > 0)
            this.push(this.body);
        this.push(null);
    }
}

/* Text, or an array of it where a key came several times. */
function queriesOf(pairs) {
    const queries = Object.create(null);

    for (const [key, value] of pairs) {
        if (queries[key] === undefined)
            queries[key] = value;
        else if (Array.isArray(queries[key]))
            queries[key].push(value);
        else
            queries[key] = [queries[key], value];
    }
    return { ...queries };
}

function headersOf(pairs) {
    const headers = Object.create(null);

    for (const [name, value] of pairs) {
        const key = name.toLowerCase();

        if (key === 'set-cookie')
            (headers[key] = headers[key] || []).push(value);
        else if (headers[key] === undefined)
            headers[key] = value;
        else if (!UNIQUE.has(key))
            headers[key] += ', ' + value;
    }
    return { ...headers };
}

class Response {
    #status = DEFAULT_STATUS;
    #headers = new Map(); // lower-case name -> [name, values]
    #limit;
    #end;
    #sent = false;

    constructor(limit, end) {
        this.#limit = limit;
        this.#end = end;
    }

    setStatusCode(code) {
        if (!Number.isInteger(Number(code)) || code < 100 || code > 999)
            throw new RangeError(`a status code is a number from 100 to 999, not ${String(code)}`);
        this.#status = Number(code);
    }

    setHeader(name, value) {
        const values = (Array.isArray(value) ? value : [value]).map(String);

        this.#headers.set(String(name).toLowerCase(), [String(name), values]);
    }

    hasHeader(name) {
        return this.#headers.has(String(name).toLowerCase());
    }

    deleteHeader(name) {
        this.#headers.delete(String(name).toLowerCase());
    }

    /* The first one counts. */
    send(body) {
        const bytes = bytesOf(body);

        if (this.#sent)
            return;
        this.#sent = true;
        if (bytes)
            this.#finish(bytes);
        else
            this.#collect(body);
    }

    #collect(stream) {
        const parts = [];
        let size = 0;

        stream.on('error', e => this.#end({ thrown: e }));
        stream.on('close', () => this.#end({ thrown: new Error('the stream that was sent closed before its end') }));
        stream.on('end', () => this.#finish(Buffer.concat(parts)));
        stream.on('data', part => {
            part = Buffer.from(part);
            parts.push(part);
            size += part.length;
            if (size > this.#limit) {
                this.#finish(Buffer.concat(parts));
                stream.destroy();
            }
        });
    }

    #finish(body) {
        const headers = [];

        for (const [name, values] of this.#headers.values())
            for (const value of values)
                headers.push([name, value]);
        const head = Buffer.from(JSON.stringify({ status: this.#status, headers }));

        if (head.length > MAX_HEAD)
            this.#end({ thrown: new RangeError(`the headers of the answer are larger than ${MAX_HEAD} bytes`) });
        else
            this.#end(null, { head, body });
    }
}

/* null: a stream. */
function bytesOf(body) {
    if (body === undefined || body === null)
        return Buffer.alloc(0);
    if (typeof body === 'string')
        return Buffer.from(body);
    if (body instanceof Uint8Array)
        return Buffer.from(body);
    if (typeof body === 'object' && typeof body.pipe === 'function' && typeof body.on === 'function')
        return null;
    throw new TypeError(`resp.send() takes a string, a Buffer or a stream.Readable, not '${typeof body}'`);
}

/* settle(error | null, {head, body}), once; error is wrapped as {thrown}. */
function serve(fn, http, body, context, limit, keeper, settle) {
    let open = true, off;
    const end = (error, answer) => {
        if (!open)
            return;
        open = false;
        if (off)
            off();
        settle(error, answer);
    };
    const wait = () => {
        if (open)
            off = whenEmpty(() => end({ thrown: new Error('the handler ended and resp.send() was not called') }), keeper);
    };
    let result;

    try {
        result = fn(new Request(http, body), new Response(limit, end), context);
    } catch (e) {
        end({ thrown: e });
        return;
    }
    if (isThenable(result))
        result.then(wait, e => end({ thrown: e }));
    else
        wait();
}

module.exports = { serve };
