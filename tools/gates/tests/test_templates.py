"""Templates are expanded as SAM does it, and bad ones are refused by checkov and cdk-nag."""

import json
from pathlib import Path

import pytest
from expand import NotExpanded, expand
from report import Refused
from templates import cdk_nag_on, checkov_on, expanded

HEAD = "AWSTemplateFormatVersion: '2010-09-09'\nTransform: AWS::Serverless-2016-10-31\n"
QUEUES = HEAD + """
Parameters:
  KmsKeyArn: { Type: String, Default: "" }
Conditions:
  HasKmsKey: !Not [!Equals [!Ref KmsKeyArn, ""]]
Resources:
  Bare:
    Type: AWS::SQS::Queue
  Kept:
    Type: AWS::SQS::Queue
    Properties:
      KmsMasterKeyId: !If [HasKmsKey, !Ref KmsKeyArn, !Ref AWS::NoValue]
      RedrivePolicy: { deadLetterTargetArn: !GetAtt Bare.Arn, maxReceiveCount: 3 }
  OnlyWithKey:
    Type: AWS::SNS::Topic
    Condition: HasKmsKey
    Properties:
      DisplayName: !Sub "${AWS::StackName} ${KmsKeyArn}"
"""
SUPPRESSED = HEAD + """
Resources:
  Bare:
    Type: AWS::SQS::Queue
    Metadata:
      checkov: { skip: [{ id: CKV_AWS_27, comment: not here }] }
      cdk_nag: { rules_to_suppress: [{ id: AwsSolutions-SQS4, reason: not here }] }
"""
FUNCTION = HEAD + """
Resources:
  Work:
    Type: AWS::Serverless::Function
    Properties: { Runtime: provided.al2023, Handler: bootstrap, CodeUri: ./work }
"""
NOTHING_TO_CHECK = HEAD + "Resources: { Wait: { Type: AWS::CloudFormation::WaitConditionHandle } }\n"
VARIANTS = {"defaults": {}, "hardened": {"KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/k"}}


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """What each tool finds in bad templates, run once."""
    folder = tmp_path_factory.mktemp("bad")
    sources = [write(folder, "queues", QUEUES), write(folder, "suppressed", SUPPRESSED)]
    templates = expanded(sources, VARIANTS, folder)
    return {tool: tool(templates).findings for tool in (checkov_on, cdk_nag_on)}


@pytest.mark.parametrize(("tool", "rule"), [(checkov_on, "CKV_AWS_27"), (cdk_nag_on, "AwsSolutions-SQS4")])
def test_a_queue_without_protection_is_refused(bad, tool, rule):
    findings = {(f.resource, f.variant): f for f in bad[tool] if f.rule == rule and "queues" in f.where}
    found = findings["Bare", "hardened"]
    assert found.where.endswith("queues.yaml:9") and found.what and found.todo
    # Without a key neither is encrypted, with one it is one.
    assert (("Kept", "defaults") in findings) and (("Kept", "hardened") in findings) == (rule != "CKV_AWS_27")


@pytest.mark.parametrize(("tool", "rule"), [(checkov_on, "CKV_AWS_27"), (cdk_nag_on, "AwsSolutions-SQS4")])
def test_a_suppression_in_a_template_is_no_way_around(bad, tool, rule):
    assert [f for f in bad[tool] if f.rule == rule and "suppressed" in f.where]


def test_a_template_that_no_rule_applies_to_is_refused(tmp_path):
    source = write(tmp_path, "nothing", NOTHING_TO_CHECK)
    with pytest.raises(Refused, match="cdk-nag checked nothing in"):
        cdk_nag_on(expanded([source], {"defaults": {}}, tmp_path))


def test_no_template_at_all_is_refused(tmp_path):
    with pytest.raises(Refused, match="there are no templates"):
        expanded([], VARIANTS, tmp_path)


def test_parameters_and_conditions_are_put_in(tmp_path):
    source = write(tmp_path, "queues", QUEUES)
    without, having = (expand(source, values)["Resources"] for values in VARIANTS.values())
    assert "KmsMasterKeyId" not in without["Kept"]["Properties"] and "OnlyWithKey" not in without
    assert having["Kept"]["Properties"]["KmsMasterKeyId"] == VARIANTS["hardened"]["KmsKeyArn"]
    assert having["OnlyWithKey"] == {
        "Type": "AWS::SNS::Topic",
        "Properties": {"DisplayName": f"stack {VARIANTS['hardened']['KmsKeyArn']}"},
    }
    assert not {"Parameters", "Conditions", "Transform"} & set(expand(source, {}))


def test_what_sam_adds_is_there(tmp_path):
    resources = expand(write(tmp_path, "function", FUNCTION), {})["Resources"]
    assert {r["Type"] for r in resources.values()} == {"AWS::Lambda::Function", "AWS::IAM::Role"}


def test_what_sam_cannot_expand_is_refused(tmp_path):
    broken = FUNCTION.replace("Handler: bootstrap, ", "")
    with pytest.raises(NotExpanded, match=r"broken\.yaml: SAM cannot expand it: .*Handler"):
        expand(write(tmp_path, "broken", broken), {})
    without = QUEUES.replace(', Default: ""', "")
    with pytest.raises(NotExpanded, match="KmsKeyArn: a Default was expected"):
        expand(write(tmp_path, "without", without), {})


def test_every_resource_of_the_project_is_judged_in_one_variant():
    """A resource under a condition that no variant makes true would be judged by nobody."""
    from expand import yaml
    from templates import of_the_project

    _, templates = of_the_project()
    for source in {template.source for template in templates}:
        made = {
            name
            for template in templates
            if template.source == source
            for name in json.loads(template.file.read_text())["Resources"]
        }
        assert set(yaml(source)["Resources"]) <= made
