# SPDX-License-Identifier: Apache-2.0
"""What the zygote rehearses with: a little of what handlers do. Compiled anew each time, like theirs."""

import base64
import hashlib
import json
import logging
import os


class Thing:
    kept = {}

    def __init__(self, name, *rest, **more):
        self.name, self.rest, self.more = name, rest, more

    @property
    def text(self):
        return "%s %r" % (self.name, self.more)


def init(context):
    Thing.kept["started"] = True


def handler(event, context):
    if isinstance(event, bytes):
        event = json.loads(event)
    if event.get("fail"):
        raise ValueError("rehearsed")
    thing = Thing("a", *event.get("list", []), key=os.environ.get("HOME"))
    print("text", thing.text)
    logging.getLogger().info("said %d", len(thing.rest))
    digest = hashlib.sha256(thing.text.encode()).hexdigest()
    try:
        event["absent"]
    except KeyError:
        pass
    return {
        "statusCode": 200,
        "isBase64Encoded": False,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"digest": base64.b64encode(digest.encode()).decode(), **event}),
        "squares": [n * n for n in range(3)],
        "f": f"{thing.name:>5}",
    }
