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
 */
const waiting = new Set(); // settle functions of calls that only an empty loop ends

/*
 * args     the callback is added to them
 * keeper   what keeps the event loop alive: ref() and unref()
 * settle   (error | null, value, handled), called once; error is wrapped as {thrown}
 */
function call(fn, args, keeper, settle) {
    let open = true;
    const end = (error, value, handled) => {
        if (!open)
            return;
        open = false;
        if (waiting.delete(end) && waiting.size === 0)
            keeper.ref();
        settle(error, value, handled);
    };
    const callback = (error, value) => {
        if (error !== null && error !== undefined)
            end({ thrown: error }, undefined, true);
        else
            end(null, value, false);
    };
    let result;

    try {
        result = fn(...args, callback);
        if (isThenable(result)) {
            result.then(value => end(null, value, false), e => end({ thrown: e }, undefined, false));
            return;
        }
    } catch (e) {
        end({ thrown: e }, undefined, false);
        return;
    }
    if (!open || fn.length > args.length)
        return;
    if (result !== undefined) {
        end(null, result, false);
        return;
    }
    waiting.add(end);
    keeper.unref();
}

function isThenable(value) {
    return value !== null && typeof value === 'object' && typeof value.then === 'function';
}

/* To be called on 'beforeExit', which comes each time the loop has nothing left. */
function loopIsEmpty() {
    for (const end of [...waiting])
        end(null, undefined, false);
}

module.exports = { call, loopIsEmpty };
