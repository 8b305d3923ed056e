// SPDX-License-Identifier: Apache-2.0
'use strict';
/* The function of the rehearsal (warm.js): its being loaded is the point. */
exports.handler = async (event, context) => ({ event: typeof event, context: typeof context });
