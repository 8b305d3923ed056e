# SPDX-License-Identifier: Apache-2.0
"""API Gateway's official Python SDK, unmodified, against a daemon of our own; and what it made, called as the world would."""
import http.client
import json
import re

import pytest
from huaweicloudsdkapig.v2 import (
    ApiActionInfo, ApiCreate, ApiFuncCreate, ApiGroupCreate, ApigClient, AuthorizerCreate, CreateApiGroupV2Request, CreateApiV2Request,
    CreateCustomAuthorizerV2Request, CreateOrDeletePublishRecordForApiV2Request)
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.http.http_handler import HttpHandler

from fgcloud import PROJECT, UUID

INSTANCE = "evoke"
RELEASE = "DEFAULT_ENVIRONMENT_RELEASE_ID"
HEX32 = r"[0-9a-f]{32}"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


class Gateway:
    """A client and the last response as it came over the wire."""

    def __init__(self, daemon, project=PROJECT, access_key=None, secret_key=None):
        self.daemon, self.project = daemon, project
        credentials = BasicCredentials(access_key or daemon.access_key, secret_key or daemon.secret_key, project)
        self.client = (ApigClient.new_builder().with_credentials(credentials)
                       .with_http_config(HttpConfig(timeout=(10, 60), retry_times=0)).with_endpoint(daemon.url)
                       .with_http_handler(HttpHandler().add_response_handler(self._keep)).build())
        self.response = None

    def _keep(self, **kw):
        self.response = kw["response"]

    @property
    def status(self):
        return self.response.status_code

    @property
    def raw(self):
        """The last answer's body, as JSON."""
        return self.response.json()

    def group(self, name, **over):
        return self.client.create_api_group_v2(CreateApiGroupV2Request(instance_id=INSTANCE, body=ApiGroupCreate(name=name, **over)))

    def authorizer(self, name, urn, **over):
        fields = {"name": name, "type": "FRONTEND", "authorizer_type": "FUNC", "authorizer_uri": urn, **over}
        return self.client.create_custom_authorizer_v2(
            CreateCustomAuthorizerV2Request(instance_id=INSTANCE, body=AuthorizerCreate(**fields)))

    def api_body(self, group, name, urn=None, **over):
        fields = {"group_id": group, "name": name, "type": 1, "req_protocol": "HTTP", "req_method": "GET", "req_uri": f"/{name}",
                  "auth_type": "NONE", "match_mode": "NORMAL", "backend_type": "FUNCTION"}
        if urn:
            fields["func_info"] = ApiFuncCreate(function_urn=urn, invocation_type="sync", network_type="V1", timeout=5000)
        return ApiCreate(**{**fields, **over})

    def api(self, group, name, urn=None, **over):
        return self.client.create_api_v2(
            CreateApiV2Request(instance_id=INSTANCE, body=self.api_body(group, name, urn, **over)))

    def publish(self, api_id, env=RELEASE, action="online", remark=None):
        return self.client.create_or_delete_publish_record_for_api_v2(CreateOrDeletePublishRecordForApiV2Request(
            instance_id=INSTANCE, body=ApiActionInfo(action=action, env_id=env, api_id=api_id, remark=remark)))

    def call(self, group_domain, path="/", method="GET", headers=None, body=None):
        """As the world would: (status, headers, body)."""
        connection = http.client.HTTPConnection(self.daemon.host, self.daemon.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers={"Host": group_domain, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()


def refused(call, status, code, says=""):
    """The SDK's own exception, with this status and code, and these words in its message."""
    with pytest.raises((ClientRequestException, ServerResponseException)) as caught:
        call()
    e = caught.value
    assert (e.status_code, e.error_code) == (status, code), e
    assert says in e.error_msg, e.error_msg
    assert re.fullmatch(UUID, e.request_id), "X-Request-Id is missing"
    return e


def denied(answer, status, code):
    """What a caller is told by the gateway itself: (status, headers, body) of Gateway.call()."""
    assert answer[0] == status, answer
    said = json.loads(answer[2])
    assert said["error_code"] == code, said
    assert said["error_msg"] and said["request_id"]
    return said
