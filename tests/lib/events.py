# SPDX-License-Identifier: Apache-2.0
"""What is delivered asynchronously, asked of the admin API (docs/admin-api.md)."""
import hashlib
import urllib.parse

from evoked import deadline
from signing import PROJECT, Client, urn

STATES = ("waiting", "running", "done", "dead", "expired", "cancelled", "purged")


def key(name):
    return f"functiongraph/{PROJECT}/local-1/default/{name}"


def named(function, name):
    """The id of an event that was put with this name (X-Evoke-Event-Id). function: its name here, or its path."""
    path = function if "/" in function else key(function)
    return f"{name}.{hashlib.sha256(path.encode()).hexdigest()[:16]}"


class Events:
    """Of one function."""

    def __init__(self, evoke, name):
        self.evoke, self.name, self.client = evoke, name, Client(evoke)

    def call(self, method, path, body=b"", **query):
        r = self.client.call(method, "/evoke/v1/" + path, body, query=urllib.parse.urlencode(query, safe="/"))
        assert r.status_code < 400, (method, path, r.status_code, r.text)
        return r

    def put(self, body, **headers):
        """Hand one over; the event's id."""
        r = self.client.call("POST", f"/evoke/v1/functions/{key(self.name)}/invoke", body, query="async=true", headers=headers)
        assert r.status_code == 202, (r.status_code, r.text)
        return r.json()["request_id"]

    def list(self, **query):
        return self.call("GET", "events", function=key(self.name), **query).json()["events"]

    def get(self, event):
        return self.call("GET", f"events/{event}").json()

    def redrive(self, **which):
        return self.call("POST", "events/redrive", {"function": key(self.name), **which}).json()["moved"]

    def ledger(self):
        """{state or "accepted" or "passed": how many}, of all sources together; it balances."""
        answer = self.call("GET", "ledger", function=key(self.name)).json()
        assert answer["balanced"], answer
        total = dict.fromkeys(("accepted", "passed", *STATES), 0)
        for row in answer["rows"]:
            assert row["accepted"] == sum(row[s] for s in STATES), row
            for name in total:
                total[name] += row[name]
        return total

    def wait(self, seconds=30, **wanted):
        """Until the ledger says so: wait(done=3, waiting=0)."""
        now = None
        for _ in deadline(seconds):
            now = self.ledger()
            if all(now[k] == n for k, n in wanted.items()):
                return now
            self.evoke.read_log(0.02)
        raise AssertionError(f"{wanted} was awaited, there is {now}\n{self.evoke.log_text()[-4000:]}")

    def rules(self, retries, age_s=3600, **destinations):
        """The function's own, as FunctionGraph has them."""
        body = {"max_async_event_age_in_seconds": age_s, "max_async_retry_attempts": retries}
        if destinations:
            body["destination_config"] = destinations
        r = self.client.fg("PUT", f"/functions/{urn(self.name)}/async-invoke-config", body)
        assert r.status_code == 200, (r.status_code, r.text)
