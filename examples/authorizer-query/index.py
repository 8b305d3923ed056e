# -*- coding:utf-8 -*-
"""A custom authorizer: the identity comes in the query string, as token."""
import json

TOKENS = {"t-0815": "ali baba"}


def handler(event, context):
    user = TOKENS.get(event["queryStringParameters"].get("token"))
    result = {"status": "allow", "context": {"user": user}} if user else {"status": "deny"}
    return json.dumps({"statusCode": 200, "body": json.dumps(result)})
