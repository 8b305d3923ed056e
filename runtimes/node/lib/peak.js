// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * How this process learns its own peak memory, in bytes.
 *
 * resourceUsage() is cheap, but its maximum survives exec: it counts whoever started us, too. It is
 * right as long as we have been larger than that, which we usually are from the start.
 */
const { readFileSync } = require('fs');

/* VmHWM: of this program only, but a file to read. */
function ofStatus() {
    const found = /^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'));

    return found ? Number(found[1]) * 1024 : 0;
}

function ofUsage() {
    return process.resourceUsage().maxRSS * 1024;
}

exports.reader = () => {
    try {
        return ofUsage() > ofStatus() ? ofStatus : ofUsage;
    } catch {
        return ofUsage;
    }
};
