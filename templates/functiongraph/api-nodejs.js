const answer = (statusCode, body) => ({
    statusCode,
    isBase64Encoded: false,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
});

exports.handler = async (event) => {
    const text = event.isBase64Encoded ? Buffer.from(event.body || '', 'base64').toString() : event.body;
    if (event.httpMethod !== 'POST') return answer(200, { path: event.path, query: event.queryStringParameters || {} });
    try {
        return answer(201, { got: JSON.parse(text) });
    } catch (e) {
        return answer(400, { error: 'the body is not JSON' });
    }
};
