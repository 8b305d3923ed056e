# SPDX-License-Identifier: Apache-2.0
"""Serverless Framework with Tencent's plugin, unmodified, through `evoke proxy`, as docs/tools.md says.

As far as it comes without SCF's own actions: it learns who the account is, packs, makes a bucket, uploads, makes a role.
"""
import json
import pathlib
import re
import sys

import boto3
import pytest
from botocore.config import Config
from tencentcloud.common import credential
from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from project import BIN, files_of, run, script_of  # noqa: E402

pytestmark = pytest.mark.skipif(not (BIN / "serverless").exists(), reason="Serverless Framework is not installed: tools/setup.sh test")

TITLE = "Serverless Framework with Tencent's plugin"
BUCKET = "sls-cloudfunction-ap-guangzhou-1250000000"


@pytest.fixture(scope="module")
def deploy(_module_daemon, tmp_path_factory):
    """What the document's last command prints."""
    project = files_of(TITLE, tmp_path_factory.mktemp("sls"))
    (project / "node_modules").symlink_to(BIN.parent)
    written, deployed = run(_module_daemon, project, *script_of(TITLE), env={"SLS_TRACKING_DISABLED": "1", "SLS_NOTIFICATIONS_MODE": "off"})
    assert written.returncode == 0, written.stderr
    return deployed


def test_the_package_is_uploaded(deploy, evoke_shared):
    uploading = re.search(r"Serverless: Uploading service package to cos\[sls-cloudfunction-ap-guangzhou\]\. (my-service-dev-\w{6}-[\d-]+\.zip)",
                          deploy.stdout)
    assert uploading, deploy.stdout + deploy.stderr
    assert re.search(r"Serverless: Uploaded package successful \S+/\.serverless/my-service\.zip", deploy.stdout)
    s3 = boto3.client("s3", endpoint_url=evoke_shared.url, aws_access_key_id=evoke_shared.access_key, region_name="local-1",
                      aws_secret_access_key=evoke_shared.secret_key, config=Config(s3={"addressing_style": "path"}))
    keys = {o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert uploading.group(1) in keys
    [service] = [k for k in keys if re.fullmatch(r"my-service-dev-\d+\.json", k)]
    stored = json.loads(s3.get_object(Bucket=BUCKET, Key=service)["Body"].read())
    assert stored["Service"] == "my-service" and stored["ServiceZipName"] == uploading.group(1)
    assert s3.get_object(Bucket=BUCKET, Key=uploading.group(1))["Body"].read(2) == b"PK"


def test_its_role_is_there(deploy, evoke_shared):
    http = HttpProfile(endpoint=f"{evoke_shared.host}:{evoke_shared.port}", protocol="http")
    cam = CommonClient("cam", "2019-01-16", credential.Credential(evoke_shared.access_key, evoke_shared.secret_key), "ap-guangzhou",
                       ClientProfile(httpProfile=http))
    attached = cam.call_json("ListAttachedRolePolicies", {"RoleName": "SCF_QcsRole", "Page": 1, "Rp": 20})["Response"]["List"]
    assert [p["PolicyName"] for p in attached] == ["QcloudAccessForScfRole"]


def test_then_it_makes_the_function(deploy):
    assert "Serverless: Creating function my-service-dev-hello" in deploy.stdout
