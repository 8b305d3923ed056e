# SPDX-License-Identifier: Apache-2.0
"""A function of SCF behind API Gateway, and called by a timer: the event tells which."""
import json
import os

BOOKS = {"1": "The Mythical Man-Month", "2": "The Practice of Programming"}


def main_handler(event, context):
    if event.get("Type") == "Timer":
        print("dusting", len(BOOKS), "books")
        return "dusted"
    book = BOOKS.get(event.get("queryString", {}).get("id", ""))
    body = {"greeting": os.environ["GREETING"], "book": book, "request": context["request_id"]}
    return {"isBase64Encoded": False, "statusCode": 200 if book else 404, "headers": {"Content-Type": "application/json"},
            "body": json.dumps(body)}
