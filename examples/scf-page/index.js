'use strict';
// A request comes as an object: path, pathParameters, queryString, headers, body. The answer goes back the same way.

const escape = text => text.replace(/[&<>"']/g, c => `&#${c.charCodeAt(0)};`);

const page = (name, words) => `<!DOCTYPE html>
<html>
<head><title>Visitors</title></head>
<body><h1>Good day, ${escape(name)}!</h1><p>${escape(words)}</p></body>
</html>
`;

exports.main_handler = async (event, context) => {
    const name = event.pathParameters.name;
    const words = event.body || `Request ${context.request_id} brought no words with it.`;

    console.log('%s for %s', event.httpMethod, name);
    return {
        isBase64Encoded: false,
        statusCode: 200,
        headers: { 'Content-Type': 'text/html; charset=utf-8', 'Set-Cookie': [`last=${encodeURIComponent(name)}`, 'seen=yes'] },
        body: page(name, words),
    };
};
