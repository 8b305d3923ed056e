# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph's official Python SDK, unmodified, against a daemon of our own.

What the SDK hides (headers, bodies as they came) is seen through its own hook for responses.
"""
import base64
import io
import json
import re
import zipfile

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.http.http_handler import HttpHandler
from huaweicloudsdkfunctiongraph.v2 import (
    CreateFunctionRequest, CreateFunctionRequestBody, DeleteFunctionRequest, FuncCode, FunctionGraphClient,
    InvokeFunctionRequest, ShowFunctionConfigRequest, StrategyConfig, UpdateFunctionConfigRequest,
    UpdateFunctionConfigRequestBody)

PROJECT = "0123456789abcdef0123456789abcdef"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
HELLO = "def handler(event, context):\n    return {'got': event}\n"


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def zip_of(**modules):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, text in modules.items():
            z.writestr(name + ".py", text)
    return out.getvalue()


class Cloud:
    """A client, the last response as it came over the wire, and the functions to clean up."""

    def __init__(self, daemon, access_key=None, secret_key=None, project=PROJECT):
        self.daemon, self.project = daemon, project
        credentials = BasicCredentials(access_key or daemon.access_key, secret_key or daemon.secret_key, project)
        self.client = (FunctionGraphClient.new_builder().with_credentials(credentials)
                       .with_http_config(HttpConfig(timeout=(10, 120), retry_times=0)).with_endpoint(daemon.url)
                       .with_http_handler(HttpHandler().add_response_handler(self._keep)).build())
        self.response = None
        self.names = []

    def _keep(self, **kw):
        self.response = kw["response"]

    @property
    def headers(self):
        return self.response.headers

    def urn(self, name, tail="", package="default"):
        return f"urn:fss:local-1:{self.project}:function:{package}:{name}{tail}"

    def create(self, name, source=HELLO, **over):
        fields = {"func_name": name, "package": "default", "runtime": "Python3.9", "timeout": 10,
                  "handler": "index.handler", "memory_size": 128, "code_type": "inline",
                  "code_filename": "index.py", **over}
        if source is not None and "func_code" not in fields:
            fields["func_code"] = FuncCode(file=b64(source))
        made = self.client.create_function(CreateFunctionRequest(body=CreateFunctionRequestBody(**fields)))
        self.names.append((name, fields["package"]))
        return made

    def invoke(self, urn, event=None, version=None, tail=False):
        if ":" not in urn:
            urn = self.urn(urn)
        request = InvokeFunctionRequest(function_urn=urn, body={} if event is None else event)
        if version:
            request.x_cff_request_version = version
        if tail:
            request.x_cff_log_type = "tail"
        return self.client.invoke_function(request)

    def run(self, name, event=None):
        """v1 envelope with the log: what most tests look at."""
        answer = self.invoke(name, event, "v1", tail=True)
        return json.loads(answer.result) if answer.result else None, answer

    def limit(self, name, concurrency):
        """So many runs at once; 0: none."""
        shown = self.client.show_function_config(ShowFunctionConfigRequest(function_urn=self.urn(name)))
        self.client.update_function_config(UpdateFunctionConfigRequest(
            function_urn=self.urn(name), body=UpdateFunctionConfigRequestBody(
                func_name=name, runtime=shown.runtime, timeout=shown.timeout, handler=shown.handler,
                memory_size=shown.memory_size, strategy_config=StrategyConfig(concurrency=concurrency))))

    def log(self):
        return base64.b64decode(self.headers["X-Cff-Function-Log"]).decode()

    def delete(self, name, package="default"):
        self.client.delete_function(DeleteFunctionRequest(function_urn=self.urn(name, package=package)))

    def clean(self):
        for name, package in self.names:
            try:
                self.delete(name, package)
            except ClientRequestException as e:
                assert e.error_code == "FSS.1051", e


def refused(call, status, code):
    with pytest.raises((ClientRequestException, ServerResponseException)) as caught:
        call()
    e = caught.value
    assert (e.status_code, e.error_code) == (status, code), e
    assert e.error_msg
    assert re.fullmatch(UUID, e.request_id), "X-Request-Id is missing"
    return e


def raw_call(daemon, method, path, body, headers=None, timeout=60, keys=None):
    """One signed request with exactly these bytes, by the SDK's own signer. keys: access key, secret key, token of a role."""
    import requests
    from huaweicloudsdkcore.sdk_request import SdkRequest
    from huaweicloudsdkcore.signer.signer import Signer
    access_key, secret_key, token = keys or (daemon.access_key, daemon.secret_key, None)
    headers = {"Content-Type": "application/json", **({"X-Security-Token": token} if token else {}), **(headers or {})}
    request = SdkRequest(method=method, schema="http", host=f"{daemon.host}:{daemon.port}", resource_path=path,
                         query_params=[], header_params=headers, body=body, stream=False, signing_algorithm=None)
    signed = Signer(BasicCredentials(access_key, secret_key, PROJECT)).sign(request)
    return requests.request(method, daemon.url + path, data=body.encode(), headers=signed.header_params, timeout=timeout)


def raw_invoke(daemon, cloud, name, body, headers=None, timeout=60):
    return raw_call(daemon, "POST", f"/v2/{PROJECT}/fgs/functions/{cloud.urn(name)}/invocations", body, headers, timeout)
