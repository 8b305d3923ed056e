// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * Frames version 1 over descriptor 3: docs/protocol/frames.md.
 *
 * Reading is the event loop's: a net.Socket that reads into one buffer of ours. Writing is write(2)
 * itself, at once and to the end, since a function that is killed in a busy loop has said what it
 * said. Measured against a blocking read loop and a native addon: 5 to 10 % behind both on two cores,
 * and unlike the one it lets timers run between requests, unlike the other it is no C.
 *
 * What always holds:
 *   (1) queue() copies, so whoever calls may use its buffer again; flush() leaves nothing behind.
 *   (2) a payload handed to `onFrame` is valid during that call only.
 *   (3) what is wrong with the channel ends the process: nobody is left to tell.
 *
 * Descriptor 3 is close-on-exec (node sets that for all it inherits), so children do not get it.
 */
const { writeSync } = require('fs'); // taken now: the function may replace it
const net = require('net');

const READY = 1, ASSIGN = 2, OPEN = 3, DATA = 4, END = 5, CREDIT = 6, RESET = 7, LOG = 8,
    HTTP_HEAD = 9;
const ERROR = 1;
const HEAD = 12;
const MAX_DATA = 65536;
const MAX_META = 1 << 20;
const WINDOW = 256 * 1024;
const READ_BYTES = 2 * MAX_DATA;
const WRITE_BYTES = 2 * (HEAD + MAX_DATA);
const FULL_WAIT_MS = 0.1;
const EXIT_PROTOCOL = 70;

const leave = process.reallyExit.bind(process); // no 'exit' listeners: the host has gone or is wrong

/* The host sent something that is no frame, or not now. */
class Broken extends Error {}

class Channel {
    /* onFrame(type, stream, payload) */
    constructor(fd, onFrame) {
        this.fd = fd;
        this.onFrame = onFrame;
        this.rest = null; // of a frame that came in part
        this.out = Buffer.allocUnsafeSlow(WRITE_BYTES);
        this.used = 0;
        this.idle = new Int32Array(new SharedArrayBuffer(4));
        this.socket = new net.Socket({
            fd, readable: true, writable: true,
            onread: {
                buffer: Buffer.allocUnsafeSlow(READ_BYTES),
                callback: (n, buffer) => this.take(buffer.subarray(0, n)),
            },
        });
        this.socket.on('end', () => leave(0));
        this.socket.on('error', () => leave(0));
        this.socket.resume();
    }

    // --- reading ---

    take(data) {
        try {
            if (this.rest) {
                data = Buffer.concat([this.rest, data]);
                this.rest = null;
            }
            const at = this.frames(data);
            if (at < data.length)
                this.rest = Buffer.from(data.subarray(at));
        } catch (e) {
            die(e);
        }
        return true;
    }

    /* Hands over whole frames; where the first incomplete one begins. */
    frames(data) {
        let at = 0;

        while (data.length - at >= HEAD) {
            const size = data.readUInt32BE(at), kind = data[at + 4], stream = data.readUInt32BE(at + 8);

            if (kind < ASSIGN || kind > RESET || data.readUIntBE(at + 5, 3) !== 0 ||
                (stream === 0) !== (kind === ASSIGN))
                throw new Broken(`frame head of type ${kind}, stream ${stream}`);
            if (size > (kind <= OPEN ? MAX_META : MAX_DATA))
                throw new Broken(`frame of type ${kind} with ${size} bytes`);
            if (data.length - at < HEAD + size)
                break;
            at += HEAD + size;
            this.onFrame(kind, stream, data.subarray(at - size, at));
        }
        return at;
    }

    // --- writing ---

    queue(kind, stream, flags, payload) {
        if (this.used + HEAD + payload.length > WRITE_BYTES)
            this.flush();
        const out = this.out, at = this.used;
        out.writeUInt32BE(payload.length, at);
        out.writeUInt32BE((kind << 24 | flags << 16) >>> 0, at + 4);
        out.writeUInt32BE(stream, at + 8);
        out.set(payload, at + HEAD);
        this.used = at + HEAD + payload.length;
    }

    send(kind, stream, flags, payload) {
        this.queue(kind, stream, flags, payload);
        this.flush();
    }

    flush() {
        const size = this.used;

        this.used = 0;
        for (let at = 0; at < size;) {
            try {
                at += writeSync(this.fd, this.out, at, size - at);
            } catch (e) {
                if (e.code === 'EAGAIN') // libuv made it non-blocking; the host reads all the time
                    Atomics.wait(this.idle, 0, 0, FULL_WAIT_MS);
                else if (e.code === 'EPIPE' || e.code === 'ECONNRESET')
                    leave(0);
                else
                    die(e);
            }
        }
    }
}

function die(e) {
    const text = String(e && e.message || e).replace(/\s+/g, ' ').slice(0, 500);

    try {
        writeSync(2, `evoke worker: ${text}\n`);
    } finally {
        leave(EXIT_PROTOCOL);
    }
}

module.exports = {
    READY, ASSIGN, OPEN, DATA, END, CREDIT, RESET, LOG, HTTP_HEAD, ERROR, MAX_DATA, WINDOW, Broken, Channel, die,
};
