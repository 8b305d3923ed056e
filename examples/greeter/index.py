# -*- coding:utf-8 -*-
from people import load_people

people = {}


def initializer(context):
    people.update(load_people())
    print("initialised with %d people" % len(people))


def handler(event, context):
    who = people.get(event.get("id"), "stranger")
    return "%s %s%s" % (context.getUserData("greeting"), who, context.getUserData("punctuation"))
