# -*- coding:utf-8 -*-
"""A custom authorizer: which word opens stands in the authorizer's user data, so one function serves several APIs."""
import json


def handler(event, context):
    wanted, said = event.get("user_data"), event["headers"].get("auth")
    allowed = bool(wanted) and said == wanted
    return {"statusCode": 200,
            "body": json.dumps({"status": "allow" if allowed else "deny", "context": {"user": "who knows the word"} if allowed else {}})}
