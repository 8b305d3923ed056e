# SPDX-License-Identifier: Apache-2.0
"""Serverless Framework with Tencent's plugin, unmodified, through `evoke proxy`, as docs/tools.md says: from deploy to remove."""
import json
import pathlib
import re
import sys

import boto3
import pytest
import requests
from botocore.config import Config
from tencentcloud.common import credential
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from project import BIN, files_of, run, script_of  # noqa: E402

# Once is enough: under the sanitizers it is the same requests as the SDKs', and a minute of the tool itself.
pytestmark = pytest.mark.slow

TITLE = "Serverless Framework with Tencent's plugin"
BUCKET = "sls-cloudfunction-ap-guangzhou-1250000000"
HOST = "http://scf.tencentcloudapi.com"
ENV = {"SLS_TRACKING_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off"}
TIMESTAMP = re.compile(r"^Serverless: Timestamp: (\d+)$", re.M)


class Shop:
    """One daemon, one project; each command of the document once, in its order."""

    def __init__(self, e, directory):
        self.e, self.directory = e, files_of(TITLE, directory)
        (self.directory / "node_modules").symlink_to(BIN.parent)
        self.script = script_of(TITLE)
        self.told = {}

    def sh(self, command):
        [p] = run(self.e, self.directory, command, env=ENV)
        assert p.returncode == 0, f"{command}\n{p.stdout}{p.stderr}"
        assert "  Error ----" not in p.stdout, p.stdout
        return p.stdout

    def serverless(self, words):
        return self.sh("evoke proxy -- serverless " + words)

    def upto(self, words):
        """What the document's command printed; it and those before it are run now, unless they were."""
        wanted = next(i for i, line in enumerate(self.script) if line.endswith(words))
        for line in self.script[:wanted + 1]:
            if line not in self.told:
                self.told[line] = self.sh(line)
        return self.told[self.script[wanted]]

    def client(self, service, version):
        http = HttpProfile(endpoint=f"{self.e.host}:{self.e.port}", protocol="http")
        return CommonClient(service, version, credential.Credential(self.e.access_key, self.e.secret_key), "ap-guangzhou",
                            ClientProfile(httpProfile=http))

    def ask(self, action, **params):
        return self.client("scf", "2018-04-16").call_json(action, params)["Response"]

    def triggers(self):
        return {t["TriggerName"]: t for t in self.ask("ListTriggers", FunctionName="my-service-dev-hello")["Triggers"]}

    def edit(self, old, new):
        path = self.directory / "serverless.yml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture(scope="module")
def shop(_module_daemon, tmp_path_factory):
    return Shop(_module_daemon, tmp_path_factory.mktemp("sls"))


def lines(text, *wanted):
    """Each is a whole line, in this order."""
    rest = iter(text.splitlines())
    for w in wanted:
        assert any(re.fullmatch(w, line.removeprefix("Serverless: ").rstrip()) for line in rest), f"{w}\n{text}"


def url_of(told):
    return re.search(r"^    GET - (http\S+)$", told, re.M).group(1)


def page(shop, url):
    """As a browser behind the proxy asks, and as one beside the daemon."""
    behind = shop.sh(f"evoke proxy -- curl -s '{url}'")
    beside = requests.get(url.replace(HOST, shop.e.url), timeout=30)
    assert (beside.status_code, beside.headers["Content-Type"], beside.text) == (200, "text/plain", behind)
    return behind


# -- in the order of the document ----------------------------------------------------------------------------------------------

def test_deploy(shop, evoke_shared):
    lines(shop.upto("serverless deploy"), "Packaging service...",
          r"Uploading service package to cos\[sls-cloudfunction-ap-guangzhou\]\. my-service-dev-\w{6}-[\d-]+\.zip",
          r"Uploaded package successful code\.zip", "Creating function my-service-dev-hello", "Created function my-service-dev-hello",
          "Setting tags for function my-service-dev-hello", "Creating trigger for function my-service-dev-hello",
          rf"Created apigw trigger hello_apigw for function my-service-dev-hello success\. service id service-\w+ url {HOST}/\S+"
          r"/release/my-service-dev-hello", r"Created timer trigger tick for function my-service-dev-hello success\.",
          "Deployed function my-service-dev-hello successful", "Service Information", "service: my-service", "stage: dev",
          "region: ap-guangzhou", "stack: my-service-dev", "resources: 1", "functions:   hello: my-service-dev-hello", rf"    GET - {HOST}/\S+")


def test_the_package_is_in_its_bucket(shop, evoke_shared):
    uploaded = re.search(r"my-service-dev-\w{6}-[\d-]+\.zip", shop.upto("serverless deploy")).group()
    s3 = boto3.client("s3", endpoint_url=evoke_shared.url, aws_access_key_id=evoke_shared.access_key, region_name="local-1",
                      aws_secret_access_key=evoke_shared.secret_key, config=Config(s3={"addressing_style": "path"}))
    keys = {o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert uploaded in keys
    service = next(k for k in keys if re.fullmatch(r"my-service-dev-\d+\.json", k))
    stored = json.loads(s3.get_object(Bucket=BUCKET, Key=service)["Body"].read())
    assert (stored["Service"], stored["ServiceZipName"]) == ("my-service", uploaded)
    assert s3.get_object(Bucket=BUCKET, Key=uploaded)["Body"].read() == (shop.directory / "code.zip").read_bytes()


def test_its_role_is_there(shop, evoke_shared):
    shop.upto("serverless deploy")
    attached = shop.client("cam", "2019-01-16").call_json("ListAttachedRolePolicies", {"RoleName": "SCF_QcsRole", "Page": 1, "Rp": 20})
    assert [p["PolicyName"] for p in attached["Response"]["List"]] == ["QcloudAccessForScfRole"]


def test_the_printed_url_answers(shop, evoke_shared):
    assert page(shop, url_of(shop.upto("serverless deploy"))) == "hello"


def test_info(shop, evoke_shared):
    lines(shop.upto("serverless info"), "Service Information", "service: my-service", "stage: dev", "region: ap-guangzhou", "Deployed functions:",
          "  my-service-dev-hello", "Undeployed function:")


def test_invoke(shop, evoke_shared):
    told = shop.upto("invoke -f hello")
    answer, log = re.search(r"\n(\{.*?)\n\n----------\nLog: \n(.*)", told, re.S).groups()
    assert json.loads(answer)["body"] == "hello"
    request = re.search(r"^START RequestId: (\S+)$", log, re.M).group(1)
    for line in (rf"END RequestId: {request}", rf"Report RequestId:{request} Duration:\d+ms Memory:\d+MB MemUsage:[\d.]+MB"):
        assert re.search(rf"^{line}$", log, re.M), log


def test_logs(shop, evoke_shared):
    """One record a call, pretty."""
    request = re.search(r"START RequestId: (\S+)", shop.upto("invoke -f hello")).group(1)
    told = shop.upto("logs -f hello")
    records = [json.loads(t) for t in re.findall(r"^Serverless: (\{$.*?^\})$", told, re.S | re.M)]
    record = next(r for r in records if r["RequestId"] == request)
    assert (record["FunctionName"], record["InvokeFinished"], record["RetCode"]) == ("my-service-dev-hello", 1, 0)
    assert json.loads(record["RetMsg"])["body"] == "hello" and f"START RequestId: {request}\n" in record["Log"]


def test_metrics(shop, evoke_shared):
    told = shop.upto("metrics -f hello")
    lines(told, "Service wide metrics", r"[\d-]+ [\d:]+ - [\d-]+ [\d:]+", "Service:", r"  Invocations: [1-9]\d*", "  Outflows: 0", "  Errors: 0",
          r"  Duration\(avg\.\): [\d.]+ ms", "Functions:", "  my-service-dev-hello:", r"    Invocations: [1-9]\d*", "    Outflows: 0", "    Errors: 0")


def test_deploy_list(shop, evoke_shared):
    told = shop.upto("deploy list")
    lines(told, "Listing deployments:", "-------------", r"Timestamp: \d+", r"Datetime: \S+Z", "Files:", r"- my-service-dev-\d+\.json",
          r"- my-service-dev-\w{6}-[\d-]+\.zip")
    assert TIMESTAMP.findall(shop.upto("rollback -v")) == TIMESTAMP.findall(told)


# -- beside it: a second deploy, and back ---------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def second(shop):
    """The timestamp of the first, and what the second printed."""
    [first] = TIMESTAMP.findall(shop.upto("rollback -v"))
    shop.edit("GREETING: hello", "GREETING: good day")
    shop.edit("*/5 * * * *", "*/10 * * * *")
    return first, shop.serverless("deploy")


def test_a_second_deploy_changes_what_is_there(shop, second, evoke_shared):
    lines(second[1], "Creating function my-service-dev-hello", "Updating code...", "Updating configure...",
          "Deployed function my-service-dev-hello successful")
    assert url_of(second[1]) == url_of(shop.upto("serverless deploy"))
    assert page(shop, url_of(second[1])) == "good day"
    assert json.loads(shop.triggers()["tick"]["TriggerDesc"])["cron"] == "0 */10 * * * * *"  # as the cloud keeps it


def test_its_tags_find_it(shop, second, evoke_shared):
    def found(value):
        a = shop.ask("ListFunctions", Filters=[{"Name": "tag-Application", "Values": ["my-service"]}, {"Name": "tag-Stage", "Values": [value]}])
        return [f["FunctionName"] for f in a["Functions"]]
    assert (found("dev"), found("prod")) == (["my-service-dev-hello"], [])


def test_rollback(shop, second, evoke_shared):
    lines(shop.serverless(f"rollback -t {second[0]}"), "Rollback function my-service-dev-hello", "Rollback configure for function my-service-dev-hello",
          "Setting tags for function my-service-dev-hello", "Rollback trigger for function my-service-dev-hello",
          r"Created apigw trigger hello_apigw .*", r"Created timer trigger tick .*", "Deployed function my-service-dev-hello successful")
    assert page(shop, url_of(second[1])) == "hello"
    assert json.loads(shop.triggers()["tick"]["TriggerDesc"])["cron"] == "0 */5 * * * * *"


def test_remove(shop, second, evoke_shared):
    """The last command of the document, and the last test: nothing is left, and nothing is found."""
    lines(shop.upto("serverless remove"), "Removing functions...", "Removing function my-service-dev-hello",
          "Removed function my-service-dev-hello successful")
    lines(shop.serverless("info"), "Deployed functions:", "There are no functions deployed yet", "Undeployed function:", "  hello")
    assert requests.get(url_of(second[1]).replace(HOST, shop.e.url), timeout=30).status_code == 404
    assert json.loads(evoke_shared.run("list", "--output", "json").stdout) == []
