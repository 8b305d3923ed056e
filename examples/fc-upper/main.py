# -*- coding: utf-8 -*-
import logging
import os


def handler(event, context):
    logging.getLogger().info("request %s", context.request_id)
    return event.decode("utf-8").upper() + os.environ["SUFFIX"]
