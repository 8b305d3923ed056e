// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * One call of a user's function: by return value, promise or callback, whichever speaks first.
 *
 * The clouds give every handler a callback as last argument. What counts:
 *   promise            settles the call, whether or not there is a callback
 *   callback(err, v)   settles it; what is called or returned later is ignored
 *   a value            settles it if the function does not name the callback
 *   nothing            a function that names the callback will call it. One that does not may still
 *                      (`(...args) => old(...args)`), so the call ends when nothing is left that
 *                      could: when the event loop has run empty.
 *
 * A cloud may have the answer of a callback wait for that, too, and have other ways to end a call:
 * its manner.
 */
const waiting = new Set(); // what ends calls that only an empty loop ends

/*
 * args     the callback is added to them
 * keeper   what keeps the event loop alive: ref() and unref()
 * settle   (error | null, value, handled), called once; error is wrapped as {thrown}
 * manner   of the cloud, or undefined: arm(args, end) before the call, waits(args) of a callback
 */
function call(fn, args, keeper, settle, manner) {
    let open = true, parked;
    const end = (error, value, handled) => {
        if (!open)
            return;
        open = false;
        if (waiting.delete(parked) && waiting.size === 0)
            keeper.ref();
        settle(error, value, handled);
    };
    const park = last => {
        waiting.delete(parked);
        parked = last;
        waiting.add(parked);
        keeper.unref();
    };
    const speak = (error, value, atOnce) => {
        const last = error !== null && error !== undefined
            ? () => end({ thrown: error }, undefined, true) : () => end(null, value, false);

        if (!open || spoken)
            return;
        if (atOnce || !manner || !manner.waits(args)) {
            last();
            return;
        }
        spoken = true;
        park(last);
    };
    const callback = (error, value) => speak(error, value, false);
    let result, spoken = false;

    if (manner)
        manner.arm(args, speak);
    try {
        result = fn(...args, callback);
        if (isThenable(result)) {
            result.then(value => spoken || end(null, value, false), e => end({ thrown: e }, undefined, false));
            return;
        }
    } catch (e) {
        end({ thrown: e }, undefined, false);
        return;
    }
    if (!open || spoken || fn.length > args.length)
        return;
    if (result !== undefined)
        end(null, result, false);
    else
        park(() => end(null, undefined, false));
}

function isThenable(value) {
    return value !== null && typeof value === 'object' && typeof value.then === 'function';
}

/* What ends a call of another kind when the event loop has run empty; it calls off() first. */
function whenEmpty(last, keeper) {
    waiting.add(last);
    keeper.unref();
    return function off() {
        if (waiting.delete(last) && waiting.size === 0)
            keeper.ref();
    };
}

/* To be called on 'beforeExit', which comes each time the loop has nothing left. */
function loopIsEmpty() {
    for (const last of [...waiting])
        last();
}

module.exports = { call, isThenable, loopIsEmpty, whenEmpty };
