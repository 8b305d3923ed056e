# -*- coding:utf-8 -*-
import json


def handler(event, context):
    print("event:", json.dumps(event))
    context.getLogger().info("running %s in package %s", context.getFunctionName(), context.getPackage())
    return {
        "statusCode": 200,
        "isBase64Encoded": False,
        "headers": {"Content-Type": "application/json"},
        "body": "Hello, %s!" % event.get("name", "world"),
    }
