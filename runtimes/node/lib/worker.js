// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * The life of a worker: READY, ASSIGN, load, READY, then invocations, one or several at a time.
 *
 *   onFrame()   a frame of the host: a new run, a piece of an event, credit
 *   assign()    environment, working directory; the handler is loaded, the initializer called
 *   start()     an event is complete: the call
 *   finish()    its outcome as DATA and END; with several runs open, those of one turn of the event
 *               loop leave in one write
 *
 * Ways out of user code: the call ends, well or with an error (the instance lives on); something is
 * thrown where nobody catches it, or the process is ended: the host words it.
 */
const { AsyncLocalStorage } = require('async_hooks');
const { Module } = require('module');
const { setFlagsFromString } = require('v8');
const { call, loopIsEmpty } = require('./call.js');
const errors = require('./errors.js');
const {
    READY, ASSIGN, OPEN, DATA, END, CREDIT, RESET, HTTP_HEAD, ERROR, MAX_DATA, WINDOW, Broken, Channel, die,
} = require('./frames.js');
const { serve } = require('./http.js');
const { load } = require('./load.js');
const { Output } = require('./output.js');
const usage = require('./usage.js');
const { parse } = require('./values.js');
const { warm } = require('./warm.js');

const DIALECTS = {
    functiongraph: require('./functiongraph.js').Dialect,
    fc: require('./fc.js').Dialect,
    scf: require('./scf.js').Dialect,
};
const REHEARSE_AFTER_MS = 20; // of waiting for ASSIGN
const EXIT_FAILED = 1; // initialisation, and what nobody caught
const KEPT_VARIABLES = ['PATH', 'LANG', 'HOME'];
const NOTHING = Buffer.alloc(0);

/*
 * V8 knows nothing of the function's memory limit and lets garbage grow to a multiple of what lives.
 * That much can still be said when the function is known; the size of the young generation stands in
 * the command. Of a function that keeps 30 MiB and makes 300 of garbage the peak is 95 MiB instead of
 * 239, for twice the time.
 */
const THRIFTY_UP_TO_MB = 512;
const THRIFT = '--heap-growing-percent=50';
const BOOTED = 0, INITIALISING = 1, RUNNING = 2; // state

/* One stream; stream 0 stands for loading and initialising. */
class Run {
    constructor(stream, doc) {
        this.stream = stream;
        this.doc = doc;
        this.requestId = doc.request_id;
        this.column = 0;       // of its log, since the last line feed
        this.parts = [];       // of the event
        this.ungranted = 0;    // bytes of the event the host has not been told we took
        this.complete = false; // the event is
        this.head = null;      // of an HTTP handler's answer
        this.body = null;      // the answer, and how far it has been sent
        this.sent = 0;
        this.credit = WINDOW;
        this.flags = 0;
        this.handled = false;
        this.ended = false;
    }
}

class Worker {
    constructor() {
        this.channel = null;
        this.state = BOOTED;
        this.runs = new Map();
        this.lastStream = 0;
        this.concurrency = 1;
        this.only = undefined;    // the run, while there can be one only
        this.storage = undefined; // where to ask for it, when there can be several
        this.flushing = false;
        this.used = new Set();    // handlers that were called before
        this.rehearsal = undefined;
        this.usage = usage.reader();
        this.cpuUs = 0; // of this process, as the run before ended
    }

    // --- frames ---

    onFrame(kind, stream, payload) {
        if (kind === ASSIGN) {
            if (this.state !== BOOTED)
                throw new Broken('a second ASSIGN');
            this.state = INITIALISING;
            clearTimeout(this.rehearsal);
            this.assign(parse(payload.toString())).catch(die);
            return;
        }
        if (kind === OPEN) {
            this.open(stream, payload);
            return;
        }
        const run = this.runs.get(stream);

        if (kind === RESET || (kind === CREDIT && !run && stream <= this.lastStream))
            return; // we never stop halfway; and credit may come late
        if (!run)
            throw new Broken(`frame of type ${kind} on stream ${stream}`);
        if (kind === CREDIT)
            this.onCredit(run, payload);
        else
            this.onEvent(run, kind, payload);
    }

    open(stream, payload) {
        if (this.state !== RUNNING || stream <= this.lastStream || this.runs.size >= this.concurrency)
            throw new Broken(`OPEN of stream ${stream} where none was expected`);
        this.lastStream = stream;
        this.runs.set(stream, new Run(stream, parse(payload.toString())));
    }

    onCredit(run, payload) {
        if (payload.length !== 4)
            throw new Broken(`CREDIT with ${payload.length} bytes`);
        run.credit += payload.readUInt32BE(0);
        if (run.body)
            this.pump(run);
    }

    onEvent(run, kind, payload) {
        if (run.complete)
            throw new Broken(`frame of type ${kind} on stream ${run.stream} after its END`);
        if (kind === END) {
            run.complete = true;
            this.inContext(run, () => this.start(run));
            return;
        }
        run.parts.push(Buffer.from(payload));
        run.ungranted += payload.length;
        if (run.ungranted >= WINDOW / 2) {
            const granted = Buffer.alloc(4);

            granted.writeUInt32BE(run.ungranted);
            this.channel.send(CREDIT, run.stream, 0, granted);
            run.ungranted = 0;
        }
    }

    // --- the run whose code is running ---

    current() {
        return this.storage ? this.storage.getStore() : this.only;
    }

    inContext(run, work) {
        if (this.storage)
            return this.storage.run(run, work);
        this.only = run;
        return work();
    }

    // --- ASSIGN ---

    async assign(doc) {
        const run = new Run(0, { request_id: doc.instance_id });

        this.prepare(doc);
        settle(doc);
        this.output.install();
        this.dialect.install();
        save(this.dialect.memoryMb());
        watch(this);
        const failed = await this.inContext(run, () => this.initialise(doc));
        if (failed) {
            this.failInit(failed);
            return;
        }
        run.ended = true;
        this.state = RUNNING;
        this.cpuUs = this.usage().cpuUs;
        this.channel.send(READY, 0, 0, Buffer.from('{}'));
    }

    /* Everything of ASSIGN that leaves the process as it is. */
    prepare(doc) {
        const Dialect = DIALECTS[doc.dialect];

        if (!Dialect)
            throw new Broken(`dialect '${doc.dialect}' is not known`);
        this.doc = doc;
        this.concurrency = doc.concurrency || 1;
        if (this.concurrency > 1)
            this.storage = new AsyncLocalStorage();
        this.output = new Output(this.channel, () => this.current(), doc.log_line_bytes);
        this.dialect = new Dialect(doc, this.output);
    }

    /* As if ASSIGN had come and all had gone well. */
    rehearse(doc) {
        this.prepare(doc);
        this.state = RUNNING;
    }

    /* null, or what was thrown, wrapped. */
    async initialise(doc) {
        try {
            this.handler = await load(doc.code_root, doc.handler, 'handler');
            if (doc.initializer) {
                const initializer = await load(doc.code_root, doc.initializer, 'initializer');
                const context = this.dialect.context(doc.instance_id, doc.timeout_ms || 0, doc.credentials, 0);

                this.channel.send(READY, 0, 0, Buffer.from('{"loaded":true}'));
                this.announce(doc.initializer);
                return await new Promise(done => call(initializer, [context], this.channel.socket, done));
            }
            return null;
        } catch (e) {
            return { thrown: e };
        }
    }

    failInit(failed) {
        const report = errors.of(failed.thrown);
        let body = this.dialect.error(report, false, this.doc.instance_id);

        if (body.length > MAX_DATA) {
            report.head.length = report.frames.length = 0;
            report.message = report.message.slice(0, MAX_DATA / 16);
            body = this.dialect.error(report, false, this.doc.instance_id);
        }
        this.output.print(this.current(), report.text());
        this.channel.send(READY, 0, ERROR, body);
        process.reallyExit(EXIT_FAILED);
    }

    // --- a run ---

    start(run) {
        if (run.doc.hook) {
            this.hook(run).catch(die);
            return;
        }
        this.attempt(run, this.doc.handler, context => {
            const event = join(run.parts);

            run.parts = null;
            if (run.doc.http)
                this.serve(run, event, context);
            else
                this.call(run, this.handler, [this.dialect.event(event), context]);
        });
    }

    async hook(run) {
        const text = String(this.doc[run.doc.hook]);

        try {
            const fn = await load(this.doc.code_root, text, 'hook');

            this.attempt(run, text, context => this.call(run, fn, [context]));
        } catch (e) {
            this.finish(run, { thrown: e });
        }
    }

    /* What fails before the user's code is reached is an error of the run, too. */
    attempt(run, handler, work) {
        const { doc } = run;

        try {
            this.announce(handler);
            const context = this.dialect.context(doc.request_id, doc.timeout_ms || 0, doc.credentials, doc.retry_count || 0);

            if (doc.traceparent)
                Object.assign(context, { traceparent: doc.traceparent, tracestate: doc.tracestate || '' });
            work(context);
        } catch (e) {
            this.finish(run, { thrown: e });
        }
    }

    call(run, fn, args) {
        call(fn, args, this.channel.socket, (error, value, handled) => this.finish(run, error, value, handled),
            this.dialect.manner);
    }

    serve(run, body, context) {
        serve(this.handler, run.doc.http, body, context, this.doc.answer_max, this.channel.socket,
            (error, answer) => {
                run.head = answer ? answer.head : null;
                this.finish(run, error, answer && answer.body);
            });
    }

    announce(handler) {
        if (this.used.has(handler))
            return;
        this.used.add(handler);
        const text = this.dialect.loading(handler);
        if (text)
            this.output.print(this.current(), text);
    }

    finish(run, error, value, handled) {
        if (!error) {
            try {
                run.body = this.dialect.answer(value);
                if (run.body.length > this.doc.answer_max)
                    this.fail(run, this.dialect.tooLarge(), false);
            } catch (e) {
                error = { thrown: e };
            }
        }
        if (error)
            this.fail(run, errors.of(error.thrown), Boolean(handled));
        this.pump(run);
    }

    fail(run, report, handled) {
        this.output.print(run, report.text());
        run.head = null;
        run.flags = ERROR;
        run.handled = handled;
        run.body = this.dialect.error(report, handled, run.requestId);
    }

    /* Send what credit allows; the rest waits for more. */
    pump(run) {
        if (run.head) {
            this.channel.queue(HTTP_HEAD, run.stream, 0, run.head);
            run.head = null;
        }
        while (run.sent < run.body.length && run.credit > 0) {
            const n = Math.min(run.body.length - run.sent, MAX_DATA, run.credit);

            this.channel.queue(DATA, run.stream, 0, run.body.subarray(run.sent, run.sent + n));
            run.sent += n;
            run.credit -= n;
        }
        if (run.sent === run.body.length) {
            this.channel.queue(END, run.stream, run.flags, Buffer.from(this.summary(run)));
            this.runs.delete(run.stream);
            run.ended = true;
            run.body = NOTHING;
        }
        this.flushSoon();
    }

    summary(run) {
        const { peakBytes, cpuUs } = this.usage();
        const handled = run.handled ? ',"handled":true' : '';

        if (this.concurrency > 1) // whose time it was nobody knows
            return `{"peak_bytes":${peakBytes}${handled}}`;
        const took = cpuUs - this.cpuUs;

        this.cpuUs = cpuUs;
        return `{"peak_bytes":${peakBytes},"cpu_us":${took}${handled}}`;
    }

    flushSoon() {
        if (this.concurrency === 1) {
            this.channel.flush();
        } else if (!this.flushing) {
            this.flushing = true;
            setImmediate(() => {
                this.flushing = false;
                this.channel.flush();
            });
        }
    }

    // --- what nobody caught ---

    /* The instance ends; the log of the run that did it says why. */
    uncaught(thrown) {
        if (this.state === INITIALISING) {
            this.failInit({ thrown });
            return;
        }
        const report = errors.of(thrown).text(), run = this.current();

        for (const one of run && !run.ended ? [run] : this.runs.values())
            this.output.print(one, report);
        if (this.runs.size === 0)
            this.output.print(undefined, report);
        process.exit(EXIT_FAILED);
    }
}

function join(parts) {
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
}

/* From here on the process is the function's. */
function settle(doc) {
    for (const name of Object.keys(process.env))
        if (!KEPT_VARIABLES.includes(name))
            delete process.env[name];
    Object.assign(process.env, doc.env);
    if (doc.search)
        process.env.NODE_PATH = [doc.env.NODE_PATH, ...doc.search].filter(Boolean).join(':');
    if (process.env.NODE_PATH)
        Module._initPaths();
    process.chdir(doc.cwd);
    process.argv = [process.argv[0], doc.handler];
    process.execArgv = []; // what fork() and threads would take over
}

function save(memoryMb) {
    if (memoryMb <= THRIFTY_UP_TO_MB)
        setFlagsFromString(THRIFT);
}

function watch(worker) {
    process.on('beforeExit', loopIsEmpty);
    process.on('exit', () => worker.channel.flush());
    process.on('uncaughtExceptionMonitor', thrown => {
        if (process.listenerCount('uncaughtException') === 0)
            worker.uncaught(thrown);
    });
}

function main(fd) {
    try {
        const worker = new Worker();

        worker.channel = new Channel(fd, (kind, stream, payload) => worker.onFrame(kind, stream, payload));
        worker.channel.send(READY, 0, 0, Buffer.from('{"version":1}'));
        worker.rehearsal = setTimeout(
            () => warm(Worker, () => worker.state === BOOTED).catch(die), REHEARSE_AFTER_MS);
    } catch (e) {
        die(e);
    }
}

module.exports = { Worker, main };
