# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph's statistics of a function, read by the official SDK."""
import pytest
from huaweicloudsdkfunctiongraph.v2 import ListFunctionStatisticsRequest

from fgcloud import refused

FAILS = "def handler(event, context):\n    if event.get('fail'):\n        raise ValueError('no')\n    return 'x'\n"


def statistics(cloud, name, period):
    return cloud.client.list_function_statistics(ListFunctionStatisticsRequest(func_urn=cloud.urn(name), period=str(period)))


def told(series):
    return [v.value for v in series if v.value != -1]


def test_what_a_function_did_is_told_by_minutes(evoke_shared, cloud):
    cloud.create("counted", FAILS)
    empty = statistics(cloud, "counted", 5)
    assert len(empty.count) == 5 and told(empty.count) == []
    for event in ({}, {}, {"fail": True}):
        cloud.invoke("counted", event)
    s = statistics(cloud, "counted", 5)
    assert sum(told(s.count)) == 3 and sum(told(s.fail_count)) == sum(told(s.function_error_count)) == 1
    assert sum(told(s.reject_count)) == 0
    assert 0 < min(told(s.min_duration)) <= max(told(s.duration)) * 1.07 and max(told(s.duration)) <= max(told(s.max_duration))
    assert told(s.system_error_count) == [] and told(s.reserved_instance_num) == [0]  # as of now
    steps = [b.timestamp - a.timestamp for a, b in zip(s.count, s.count[1:])]
    assert steps == [60_000] * 4


@pytest.mark.parametrize("period, values", [(1, 1), (1440, 1440), (1441, 720), (43200, 1440)])
def test_a_series_has_no_more_values_than_a_day_has_minutes(evoke_shared, cloud, period, values):
    cloud.create(f"period{period}", FAILS)
    assert len(statistics(cloud, f"period{period}", period).count) == values


@pytest.mark.parametrize("period", ["0", "43201", "x", "-1"])
def test_impossible_periods_are_refused(evoke_shared, cloud, period):
    cloud.create("refused" + period.replace("-", "m"), FAILS)
    refused(lambda: statistics(cloud, "refused" + period.replace("-", "m"), period), 400, "FSS.0400")
