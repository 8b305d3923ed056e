# -*- coding: utf-8 -*-
import json


def handler(event, context):
    """Runs at a time; user_event tells what for."""
    work = json.loads(event.get("user_event") or "{}")
    context.getLogger().info("%s at %s: %s", event.get("trigger_name"), event.get("time"), work)
    return {"done": True, "work": work}
