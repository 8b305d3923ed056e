# -*- coding:utf-8 -*-
"""A custom authorizer: the identity comes in the header "auth"."""
import json

WORDS = {"open sesame": "ali baba"}


def verdict(status, **context):
    return {"statusCode": 200, "body": json.dumps({"status": status, "context": context})}


def handler(event, context):
    user = WORDS.get(event["headers"].get("auth"))
    return verdict("allow", user=user) if user else verdict("deny", reason="unknown word")
