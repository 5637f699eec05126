"""Writes Cloud Custodian's own Lambda package of each policy into a folder, just as `custodian run` would upload it.

    target/venv-bench/bin/python benches/peers/custodian.py FOLDER
"""

import sys
from pathlib import Path

from c7n.config import Config
from c7n.mu import PolicyLambda
from c7n.policy import load
from c7n.resources import load_resources

folder, policies = Path(sys.argv[1]), Path(__file__).with_suffix(".yml")
load_resources(("aws.s3", "aws.security-group"))
for policy in load(Config.empty(region="us-east-1", account_id="111122223333"), str(policies)):
    package = PolicyLambda(policy).get_archive()
    (folder / f"custodian-{policy.name}.zip").write_bytes(Path(package.path).read_bytes())
