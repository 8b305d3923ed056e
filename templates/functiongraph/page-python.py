# -*- coding: utf-8 -*-
import html


def handler(event, context):
    name = (event.get("queryStringParameters") or {}).get("name", "world")
    return {
        "statusCode": 200,
        "isBase64Encoded": False,
        "headers": {"Content-Type": "text/html; charset=utf-8"},
        "body": "<!doctype html><title>hello</title><h1>hello, %s</h1>" % html.escape(name),
    }
