# SPDX-License-Identifier: Apache-2.0
"""`evoke deploy` of the project files of the clouds' own tools, as their guides write them: what they make, and what is told of keys
that mean nothing here."""
import json

import pytest
import requests
from evoked import ROOT
from signing import Client

CODE = '''
import os

def main_handler(event, context):
    return {"isBase64Encoded": False, "statusCode": 200, "headers": {"Content-Type": "text/plain"},
            "body": "scf " + os.environ.get("A", "") + os.environ.get("B", "")}

def handler(event, context):
    return os.environ.get("X", "none")

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello from fc " + environ["PATH_INFO"].encode()]
'''

SERVERLESS = """
service: my-service
provider:
  name: tencent
  runtime: Python3.6
  region: ap-guangzhou
  credentials: ~/credentials
  stage: ${opt:stage, 'dev'}
  memorySize: 256
  environment: {variables: {A: "1"}}
plugins: [serverless-tencent-scf]
functions:
  hello:
    handler: index.main_handler
    timeout: 10
    vpcConfig: {vpcId: v, subnetId: s}
    environment: {variables: {B: "${env:OF_THE_SHELL}"}}
    events:
      - apigw: {name: hello_apigw, parameters: {stageName: release, httpMethod: ANY, integratedResponse: true}}
      - timer: {name: tick, parameters: {cronExpression: '*/5 * * * *', enable: true}}
      - timer: {name: tock, parameters: {cronExpression: '0 0 2 1 * * *'}}
      - cos: {name: b, parameters: {bucket: b, events: x}}
"""

COMPONENT = """
app: appname
stage: dev
component: scf
name: scfdemo
inputs:
  name: ${name}-${stage}
  src: {src: ./code, exclude: [.env]}
  handler: index.main_handler
  runtime: Python3.6
  initTimeout: 5
  events:
    - apigw:
        name: web
        parameters:
          serviceName: mine
          environment: test
          endpoints:
            - {path: /one, method: GET, function: {isIntegratedResponse: true}}
            - {path: /two, method: POST, usagePlan: {usagePlanId: u}}
"""

FUNCRAFT = """
ROSTemplateFormatVersion: '2015-09-01'
Transform: 'Aliyun::Serverless-2018-04-03'
Resources:
  svc1:
    Type: Aliyun::Serverless::Service
    Properties: {Description: helloworld, LogConfig: {Project: p, Logstore: l}, InternetAccess: false}
    fn1:
      Type: Aliyun::Serverless::Function
      Properties:
        Handler: index.handler
        Runtime: python3
        CodeUri: './'
        Timeout: 10
        EnvironmentVariables: {X: told}
        InstanceLifecycleConfig: {PreStop: {Handler: index.stop, Timeout: 5}, PreFreeze: {Handler: ''}}
        AsyncConfiguration:
          Destination: {OnSuccess: 'acs:fc:::services/svc1.LATEST/functions/fn2', OnFailure: 'acs:mns:::/queues/q/messages'}
          MaxAsyncRetryAttempts: 2
      Events:
        tick: {Type: Timer, Properties: {CronExpression: '@every 5m', Enable: true, Payload: awesome-fc}}
    fn2:
      Type: Aliyun::Serverless::Function
      Properties: {Handler: index.app, Runtime: python3, CodeUri: './'}
      Events:
        h: {Type: HTTP, Properties: {AuthType: ANONYMOUS, Methods: [GET, POST]}}
  a.example.com:
    Type: Aliyun::Serverless::CustomDomain
    Properties: {Protocol: HTTP, RouteConfig: {Routes: {'/a': {ServiceName: svc1, FunctionName: fn2}}}}
  bucket: {Type: Aliyun::Serverless::TableStore}
"""

DEVS = """
edition: 3.0.0
name: app
access: default
vars: {region: cn-hangzhou, name: three, memory: 512}
resources:
  a:
    component: fc3
    props:
      region: ${vars.region}
      functionName: ${vars.name}
      runtime: python3.10
      handler: index.handler
      code: ./
      memorySize: ${vars.memory}
      environmentVariables: {X: "${env('OF_THE_SHELL')}"}
      cpu: 0.35
      triggers:
        - {triggerName: t, triggerType: timer, triggerConfig: {cronExpression: "CRON_TZ=Asia/Shanghai 0 0 4 * * *", payload: p}}
  b:
    component: devsapp/fc@0.1.2
    props:
      region: cn-hangzhou
      service: {name: s2, logConfig: auto}
      function: {name: f2, runtime: python3, handler: index.handler, codeUri: ./}
  c:
    component: fgs
    props:
      region: cn-east-3
      function: {functionName: fgf, handler: index.handler, memorySize: 256, timeout: 30, runtime: Python3.9, codeType: zip, code: {codeUri: ./}}
      trigger: {triggerTypeCode: TIMER, status: ACTIVE, eventData: {name: tt, schedule: 3m, scheduleType: Rate}}
"""


def deploy(e, path, name, text, *options, env=()):
    (path / "code").mkdir(exist_ok=True)
    for at in (path, path / "code"):
        (at / "index.py").write_text(CODE)
    (path / name).write_text(text)
    return e.run("deploy", str(path), *options, env={"OF_THE_SHELL": "2", **dict(env)})


def describe(e, name):
    return json.loads(e.run("get", name, "--output", "json").stdout)


def triggers(e, name):
    listed = json.loads(e.run("trigger", "list", "--output", "json").stdout)
    return {t["name"]: t for t in listed if t["function"].endswith(name)}


def told(p):
    return sorted(line.partition("not used here: ")[2] for line in p.stderr.splitlines())


def test_serverless_yml_of_the_plugin(evoke_shared, tmp_path):
    e = evoke_shared
    p = deploy(e, tmp_path, "serverless.yml", SERVERLESS)
    assert p.returncode == 0, p.stderr
    assert told(p) == ["functions.hello.events.3.cos: events of this kind have no source yet", "functions.hello.vpcConfig",
                       "provider.credentials", "provider.region"]

    f = describe(e, "scf/local/local-1/default/my-service-dev-hello")
    assert (f["runtime"], f["memory_mb"], f["timeout_ms"]) == ("Python3.6", 256, 10000)
    assert f["environment"] == {"A": "1", "B": "2"}
    t = triggers(e, "/my-service-dev-hello")
    assert t["tick"]["enabled"] and not t["tock"]["enabled"]
    answer = requests.get(e.url + t["hello_apigw"]["address"]["by_path"], timeout=30)
    assert (answer.status_code, answer.text) == (200, "scf 12")

    again = deploy(e, tmp_path, "serverless.yml", SERVERLESS)
    assert again.returncode == 0 and "unchanged" in again.stdout


def test_serverless_yml_of_the_component(evoke_shared, tmp_path):
    e = evoke_shared
    p = deploy(e, tmp_path, "serverless.yml", COMPONENT)
    assert p.returncode == 0, p.stderr
    assert told(p) == ["inputs.events.0.apigw.parameters.endpoints.1.usagePlan", "inputs.src.exclude"]
    f = describe(e, "scf/local/local-1/default/scfdemo-dev")
    assert f["init_timeout_ms"] == 5000
    t = triggers(e, "/scfdemo-dev")
    assert t["web"]["config"] | {"path": "/one", "method": "GET", "integrated": True, "service": "mine", "stage": "test"} == t["web"]["config"]
    assert t["web-2"]["config"] | {"path": "/two", "method": "POST", "service": "mine"} == t["web-2"]["config"]


def test_template_yml_of_funcraft(evoke_shared, tmp_path):
    e = evoke_shared
    p = deploy(e, tmp_path, "template.yml", FUNCRAFT)
    assert p.returncode == 0, p.stderr
    assert "a.example.com  domain created" in p.stdout
    assert told(p) == ["Resources.bucket", "Resources.svc1.Properties.LogConfig",
                       "Resources.svc1.fn1.Properties.AsyncConfiguration.Destination.OnFailure: only functions can be destinations"]
    f = describe(e, "fc/local/local-1/svc1/fn1")
    assert f["environment"] == {"X": "told"} and f["pre_stop"] == "index.stop" and f["network"] == "endpoint"
    assert f["async"]["max_retries"] == 2 and f["async"]["on_success"]["to"].endswith("/svc1/fn2")
    assert triggers(e, "/svc1/fn1")["tick"]["config"]["payload"] == "awesome-fc"
    answer = requests.get(e.url + "/a", headers={"Host": "a.example.com"}, timeout=30)
    assert (answer.status_code, answer.text) == (200, "hello from fc /a")

    again = deploy(e, tmp_path, "template.yml", FUNCRAFT)
    assert "a.example.com  domain unchanged" in again.stdout
    changed = deploy(e, tmp_path, "template.yml", FUNCRAFT.replace("'/a'", "'/b'"), "--dry-run")
    assert "a.example.com  domain updated" in changed.stdout
    assert requests.get(e.url + "/a", headers={"Host": "a.example.com"}, timeout=30).status_code == 200, "a dry run changes nothing"


def test_s_yaml_of_serverless_devs(evoke_shared, tmp_path):
    e = evoke_shared
    p = deploy(e, tmp_path, "s.yaml", DEVS)
    assert p.returncode == 0, p.stderr
    assert told(p) == ["resources.a.props.cpu", "resources.b.props.service.logConfig"]
    f = describe(e, "fc/local/local-1/default/three")
    assert f["memory_mb"] == 512 and f["environment"] == {"X": "2"}
    assert triggers(e, "/default/three")["t"]["config"]["zone"] == "Asia/Shanghai"
    assert describe(e, "fc/local/local-1/s2/f2")["runtime"] == "python3"
    assert describe(e, "functiongraph/local/local-1/default/fgf")["timeout_ms"] == 30000
    assert "tt" in triggers(e, "/default/fgf")


def test_an_account_of_the_shell_is_funcrafts(evoke_shared, tmp_path):
    e = evoke_shared
    p = deploy(e, tmp_path, "template.yml", FUNCRAFT.replace("a.example.com", "b.example.com"), env={"ACCOUNT_ID": "123456789"})
    assert p.returncode == 0, p.stderr
    got = Client(e).call("GET", "/evoke/v1/gateway/fc_domain/b.example.com").json()
    assert got["account"] == "123456789" and describe(e, "fc/123456789/local-1/svc1/fn1")


@pytest.mark.parametrize("name,text,says", [
    ("serverless.yml", SERVERLESS.replace("tencent\n", "aws\n"), "provider.name: only 'tencent' is one of our clouds"),
    ("serverless.yml", SERVERLESS.replace("${opt:stage, 'dev'}", "${opt:stage}"), "provider.stage: '${opt:stage}' has no value here"),
    ("serverless.yml", SERVERLESS.replace("'dev'}", "${self:provider.stage}"), "provider.stage: '${opt:stage"),
    ("serverless.yml", SERVERLESS.replace("stage: ${opt:stage, 'dev'}", "stage: ${self:provider.stage}"),
     "provider.stage: its variables name each other"),
    ("serverless.yml", SERVERLESS.replace("service: my-service", "service: {a: b}"), "service: must be a name"),
    ("serverless.yml", "service: a\nprovider: {name: tencent}\nfunctions: {}\n", "functions: must be a map with at least one function"),
    ("serverless.yml", "service: a\nprovider: {name: tencent}\nfunctions: {f: {events: x}}\n", "functions.f.events: must be a list"),
    ("serverless.yml", "service: a\nprovider: {name: tencent}\nfunctions: {f: {events: [x]}}\n",
     "functions.f.events.0: must be a map of one event"),
    ("serverless.yml", COMPONENT.replace("handler:", "type: web\n  handler:"), "inputs.type: only functions of type 'event' run here"),
    ("serverless.yml", COMPONENT.replace("{src: ./code, exclude: [.env]}", "{bucket: b, object: o}"), "inputs.src: code in a bucket"),
    ("template.yml", "Transform: x\nResources: []\n", "Resources: must be a map"),
    ("template.yml", FUNCRAFT.replace("{Protocol: HTTP, RouteConfig", "{DomainName: Auto, RouteConfig"), "a domain needs a name of its own"),
    ("s.yaml", DEVS.replace("functionName: ${vars.name}", "handle: x"), "resources.a.props: must have functionName"),
    ("s.yaml", DEVS.replace("cpu: 0.35", "description: ${file('x')}"), "resources.a.props.description: '${file('x')}' has no value here"),
    ("s.yaml", DEVS.replace("code: ./", "code: {ossBucketName: b, ossObjectName: o}"), "resources.a.props.code: code in a bucket"),
    ("s.yaml", "edition: 3.0.0\nresources: {a: {component: nobody, props: {}}}\n", "functions must be a map with at least one function"),
])
def test_what_is_wrong_is_named(evoke_shared, tmp_path, name, text, says):
    p = deploy(evoke_shared, tmp_path, name, text)
    assert p.returncode == 2 and says in p.stderr, p.stderr


def test_the_example_answers(evoke_shared):
    e = evoke_shared
    assert e.run("deploy", str(ROOT / "examples/scf-serverless")).returncode == 0
    path = triggers(e, "/shelf-dev-books")["books_apigw"]["address"]["by_path"]
    answer = requests.get(e.url + path, params={"id": "1"}, timeout=30)
    assert answer.status_code == 200 and answer.json()["book"] == "The Mythical Man-Month"
    assert requests.get(e.url + path, timeout=30).status_code == 404
