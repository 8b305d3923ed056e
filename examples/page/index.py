# -*- coding:utf-8 -*-
"""The backend of an API: what the gateway has learnt of the caller comes in headers, the page goes back."""
import html

PAGE = """<!DOCTYPE html>
<html>
<head><title>Welcome</title></head>
<body><h1>Welcome, {user}!</h1></body>
</html>
"""


def handler(event, context):
    user = event["headers"].get("x-user", "stranger")
    return {
        "statusCode": 200,
        "isBase64Encoded": False,
        "headers": {"Content-Type": "text/html; charset=utf-8"},
        "body": PAGE.format(user=html.escape(user)),
    }
