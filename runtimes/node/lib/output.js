// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * What the function prints and logs becomes LOG frames of its run.
 *
 * process.stdout and process.stderr are ordinary streams whose every write is a frame, sent before it
 * returns: a function killed at its deadline has said what it said. `console` finds them by itself,
 * since it looks for its streams at its first use and that is not before ours are there. `fd` is 1
 * and 2, for child processes. What nobody's run can be made out for goes to descriptor 1.
 */
const { writeSync } = require('fs');
const { Writable } = require('stream');
const { format } = require('util');
const { LOG, MAX_DATA } = require('./frames.js');

class Captured extends Writable {
    constructor(output, fd) {
        super({ decodeStrings: true, autoDestroy: false });
        this.output = output;
        this.fd = fd;
    }

    _write(chunk, encoding, done) {
        this.output.write(this.output.current(), chunk);
        done();
    }

    /* As node's own: these two do not close. */
    end(chunk, encoding, done) {
        if (chunk !== undefined && typeof chunk !== 'function')
            this.write(chunk, encoding);
        const told = [chunk, encoding, done].find(x => typeof x === 'function');
        if (told)
            process.nextTick(told);
        return this;
    }

    destroy() {
        return this;
    }
}

class Output {
    /* current(): the run that is being served, or undefined */
    constructor(channel, current, lineBytes) {
        this.channel = channel;
        this.current = current;
        this.lineBytes = Math.max(1, lineBytes);
    }

    install() {
        for (const [name, fd] of [['stdout', 1], ['stderr', 2]])
            Object.defineProperty(process, name, {
                value: new Captured(this, fd), configurable: true, enumerable: true, writable: true,
            });
    }

    /* Bytes of a run's log, lines cut to lineBytes. */
    write(run, bytes) {
        if (!run || run.ended) {
            writeAll(1, bytes);
            return;
        }
        if (bytes.length + run.column <= this.lineBytes && bytes.length <= MAX_DATA) {
            const end = bytes.lastIndexOf(10);

            this.channel.send(LOG, run.stream, 0, bytes);
            run.column = end >= 0 ? bytes.length - end - 1 : run.column + bytes.length;
            return;
        }
        for (let at = 0; at < bytes.length;) {
            const end = bytes.indexOf(10, at), next = end < 0 ? bytes.length : end + 1;

            this.line(run, bytes.subarray(at, end < 0 ? next : end), end >= 0);
            at = next;
        }
        this.channel.flush();
    }

    /* One line, or the beginning of one, in pieces. */
    line(run, bytes, ended) {
        do {
            const piece = bytes.subarray(0, this.lineBytes - run.column);

            bytes = bytes.subarray(piece.length);
            for (let at = 0; at < piece.length; at += MAX_DATA)
                this.channel.queue(LOG, run.stream, 0, piece.subarray(at, at + MAX_DATA));
            if (bytes.length > 0 || ended)
                this.channel.queue(LOG, run.stream, 0, newline);
            run.column = bytes.length > 0 || ended ? 0 : run.column + piece.length;
        } while (bytes.length > 0);
    }

    print(run, text) {
        this.write(run, Buffer.from(text));
    }

    /* One line in the form the clouds use: time, request id, [level], text. */
    record(level, args) {
        const run = this.current();
        const id = run ? run.requestId : '';

        this.print(run, `${new Date().toISOString()} ${id} [${level}] ${format(...args)}\n`);
    }
}

const newline = Buffer.from('\n');

function writeAll(fd, bytes) {
    try {
        for (let at = 0; at < bytes.length;)
            at += writeSync(fd, bytes, at);
    } catch (e) {
        // a log nobody reads any more
    }
}

/*
 * An object with a method per level. levels: names from the finest to the gravest;
 * as(name) gives the word in brackets.
 */
function logger(output, levels, setter, as) {
    let least = 0;
    const it = {
        [setter](level) {
            const at = typeof level === 'number' ? level : levels.indexOf(String(level).toLowerCase());

            if (at >= 0)
                least = at;
        },
    };

    levels.forEach((name, grade) => {
        it[name] = (...args) => {
            if (grade >= least)
                output.record(as(name), args);
        };
    });
    return it;
}

module.exports = { Captured, Output, logger };
