'use strict';
// A handler of (request, response, context); the body comes as a stream.

exports.handler = (request, response, context) => {
    const parts = [];

    request.on('data', part => parts.push(part));
    request.on('end', () => {
        const words = Buffer.concat(parts).toString() || 'nothing';

        response.setStatusCode(200);
        response.setHeader('Content-Type', 'text/plain; charset=utf-8');
        response.send(`${request.method} ${request.path} with ${words}\n`);
    });
};
