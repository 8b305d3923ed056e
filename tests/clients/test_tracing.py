# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph's tracing switch in the hands of the official SDK, and what it switches."""
import pytest
from collector import Collector
from fgcloud import Cloud, refused
from huaweicloudsdkfunctiongraph.v2 import ShowTracingRequest, UpdateTracingRequest, UpdateTracingRequestBody

STARS = "******"


def show(cloud, name):
    r = cloud.client.show_tracing(ShowTracingRequest(function_urn=cloud.urn(name)))
    return r.tracing_ak, r.tracing_sk


def switch(cloud, name, ak=None, sk=None):
    body = UpdateTracingRequestBody(tracing_ak=ak, tracing_sk=sk)
    cloud.client.update_tracing(UpdateTracingRequest(function_urn=cloud.urn(name), body=body))


def test_the_switch_is_kept_and_its_secret_is_not(evoke_shared, cloud):
    cloud.create("switched")
    assert show(cloud, "switched") == ("", "")
    switch(cloud, "switched", "a-key", "the-secret-of-it")
    assert show(cloud, "switched") == ("a-key", STARS)
    switch(cloud, "switched", *show(cloud, "switched"))  # what was read can be written back
    assert show(cloud, "switched") == ("a-key", STARS)
    for path in evoke_shared.data_dir.rglob("*"):
        if path.is_file():
            assert b"the-secret-of-it" not in path.read_bytes(), path
    switch(cloud, "switched")
    assert show(cloud, "switched") == ("", "")


@pytest.mark.parametrize("ak, sk", [("a", ""), (None, "s"), ("a" * 257, "s"), ("a", "s" * 257)])
def test_half_a_key_and_too_long_a_one_are_refused(evoke_shared, cloud, ak, sk):
    cloud.create("whole")
    refused(lambda: switch(cloud, "whole", ak, sk), 400, "FSS.0400")
    assert show(cloud, "whole") == ("", "")
    switch(cloud, "whole", "a" * 256, "s" * 256)
    assert show(cloud, "whole") == ("a" * 256, STARS)
    switch(cloud, "whole", "", "")


def test_of_an_unknown_function_there_is_no_switch(evoke_shared, cloud):
    refused(lambda: show(cloud, "nowhere"), 404, "FSS.1051")
    refused(lambda: switch(cloud, "nowhere", "a", "s"), 404, "FSS.1051")


def test_a_function_whose_tracing_is_on_is_traced_whatever_the_ratio(evoke_factory):
    collector = Collector()
    e = evoke_factory("--otlp-endpoint", collector.url, "--trace-ratio", "0")
    cloud = Cloud(e)
    cloud.create("traced")
    cloud.create("other")
    switch(cloud, "traced", "a", "s")
    cloud.invoke("other")
    cloud.invoke("traced")
    collector.wait(lambda c: c.spans)
    switch(cloud, "traced")
    cloud.invoke("traced")
    e.stop()  # sends what waits
    roots = [s for s in collector.spans if s.name in ("traced", "other")]
    assert [s.name for s in roots] == ["traced"]
    collector.close()
