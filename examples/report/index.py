# -*- coding:utf-8 -*-
def average(numbers):
    return sum(numbers) / len(numbers)


def handler(event, context):
    return {"average": average(event["numbers"])}
