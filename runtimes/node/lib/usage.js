// SPDX-License-Identifier: Apache-2.0
'use strict';
/*
 * How this process learns its own peak memory and its CPU time: { peakBytes, cpuUs }.
 *
 * resourceUsage() is cheap, but its maximum survives exec: it counts whoever started us, too. It is
 * right as long as we have been larger than that, which we usually are from the start.
 */
const { readFileSync } = require('fs');

/* VmHWM: of this program only, but a file to read. */
function peakOfStatus() {
    const found = /^VmHWM:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'));

    return found ? Number(found[1]) * 1024 : 0;
}

function ofUsage() {
    const used = process.resourceUsage();

    return { peakBytes: used.maxRSS * 1024, cpuUs: used.userCPUTime + used.systemCPUTime };
}

function ofBoth() {
    return { peakBytes: peakOfStatus(), cpuUs: ofUsage().cpuUs };
}

exports.reader = () => {
    try {
        return ofUsage().peakBytes > peakOfStatus() ? ofBoth : ofUsage;
    } catch {
        return ofUsage;
    }
};
