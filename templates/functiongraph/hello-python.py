# -*- coding: utf-8 -*-
import json


def handler(event, context):
    context.getLogger().info("hello from %s", context.getFunctionName())
    return {"message": "hello, " + str(event.get("name", "world")), "event": event}
