'use strict';
const crypto = require('crypto');

exports.handler = (event, context, callback) => {
    if (event.length === 0)
        return callback(new Error('there is nothing to digest'));
    console.log('%d bytes for %s', event.length, context.function.name);
    callback(null, crypto.createHash('sha256').update(event).digest('hex'));
};
