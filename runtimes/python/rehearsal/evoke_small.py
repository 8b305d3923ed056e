# SPDX-License-Identifier: Apache-2.0
"""What a spare rehearses with: the least that a handler does. The zygote uses evoke_dummy.py."""


def init(context):
    pass


def handler(event, context):
    print("text")
    return {"statusCode": 200}
