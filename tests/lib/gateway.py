# SPDX-License-Identifier: Apache-2.0
"""The gateway of a daemon: triggers and resources by the admin API, requests by host name.

    gate = Gateway(evoke)
    gate.trigger("f", "t", "apig", path="/a/{x}")
    gate.get("/a/1", group="default")          a requests.Response; the group by its name
"""
import hashlib
import json

import requests

from signing import PROJECT, Client

DIALECTS = ("functiongraph", "fc", "scf")
DOMAIN = "apigw.localhost"


def group_id(name, dialect="functiongraph", account=PROJECT, region="local-1"):
    """Of a group that nobody made: it follows from its name (src/gateway/model/binding.h)."""
    text = f"{DIALECTS.index(dialect)}\n{account}\n{region}\n{name}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return "service-" + digest[:8] if dialect == "scf" else digest[:32]


class Gateway:
    def __init__(self, evoke):
        self.evoke, self.client = evoke, Client(evoke)
        self.session = requests.Session()

    # ---- what there is ----

    def function(self, name, source, **fields):
        r = self.client.create(name, source, **fields)
        assert r.status_code == 200, r.text

    def admin(self, method, path, body=b"", expect=None):
        r = self.client.call(method, "/evoke/v1/" + path, body)
        if expect is None:
            assert r.status_code < 300, (method, path, r.status_code, r.text)
        else:
            assert r.status_code == expect, (method, path, r.status_code, r.text)
        return r

    def path_of(self, function, dialect="functiongraph", space="default"):
        return f"{dialect}/{PROJECT}/local-1/{space}/{function}"

    def trigger(self, function, name, source, enabled=True, expect=None, dialect="functiongraph", **config):
        body = {"source": source, "enabled": enabled, "config": config}
        return self.admin("PUT", f"functions/{self.path_of(function, dialect)}/triggers/{name}", body, expect)

    def drop_trigger(self, function, name):
        return self.admin("DELETE", f"functions/{self.path_of(function)}/triggers/{name}")

    # ---- requests ----

    def host(self, group="default", dialect="functiongraph"):
        return f"{group_id(group, dialect)}.{DOMAIN}:{self.evoke.port}"

    def call(self, method, path, host=None, group="default", **kw):
        headers = {"Host": host or self.host(group), **kw.pop("headers", {})}
        request = requests.Request(method, self.evoke.url, headers=headers, **kw).prepare()
        query = request.url.partition("?")[2]
        request.url = self.evoke.url + path + ("?" + query if query else "")  # as it is: no dots removed
        return self.session.send(request, timeout=60)

    def get(self, path, **kw):
        return self.call("GET", path, **kw)


# Tells its event; or answers what the query says.
ECHO = '''
import base64, json

def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "isBase64Encoded": False,
            "body": json.dumps(event)}
'''
