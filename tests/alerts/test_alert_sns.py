"""SNS against moto's server over HTTP, read back through a subscribed queue."""

from __future__ import annotations

import json

import boto3
import pytest
from alerting import GPT, TextLedger, at, verdict
from moto.server import ThreadedMotoServer

from lineage_guard.alerts import SnsSink, send

REGION = "eu-west-1"


@pytest.fixture(scope="module")
def aws():
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "testing")
        patch.delenv("AWS_PROFILE", raising=False)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def topic(aws, request):
    sns, sqs = (boto3.client(s, region_name=REGION, endpoint_url=aws) for s in ("sns", "sqs"))
    fifo = getattr(request, "param", "") == "fifo"
    end, extra = (".fifo", {"FifoTopic": "true"}) if fifo else ("", {})
    queue_extra = {"FifoQueue": "true"} if fifo else {}
    arn = sns.create_topic(Name=f"on-call{end}", Attributes=extra)["TopicArn"]
    queue = sqs.create_queue(QueueName=f"pages{end}", Attributes=queue_extra)["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue_arn)

    def read():
        got = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=2).get("Messages", [])
        return [json.loads(m["Body"]) for m in got]

    yield arn, read
    sns.delete_topic(TopicArn=arn)
    sqs.delete_queue(QueueUrl=queue)


@pytest.mark.parametrize("topic", ["standard", "fifo"], indirect=True)
def test_a_block_arrives_in_the_queue(aws, topic):
    arn, read = topic
    report = send([verdict(0, GPT, target="étudiant")], [SnsSink(arn, endpoint_url=aws)], TextLedger(), at(0))
    assert report.failed == ()
    (message,) = read()
    assert message["Subject"] == "[BLOCKED] default:?tudiant would learn from openai/gpt-4o via api.openai.com"
    alert = json.loads(message["Message"])
    assert alert["target"] == "default:étudiant"
    assert alert["id"] == report.delivered[0][0]
    attributes = {k: v["Value"] for k, v in message["MessageAttributes"].items()}
    assert attributes["event"] == "OPEN"
    assert attributes["page"] == "true"
    assert attributes["reason"] == "RESTRICTED_MODEL"
    assert attributes["incident"] == alert["incident"]


def test_a_missing_topic_keeps_the_alert_and_names_the_refusal(aws):
    sink = SnsSink(f"arn:aws:sns:{REGION}:123456789012:nowhere", endpoint_url=aws)
    report = send([verdict(0, GPT)], [sink], TextLedger(), at(0))
    assert "NotFound" in report.failed[0][2]
    assert report.waiting == 1


def test_no_sns_at_all_keeps_the_alert(aws):
    sink = SnsSink(f"arn:aws:sns:{REGION}:123456789012:x", endpoint_url="http://127.0.0.1:9")
    report = send([verdict(0, GPT)], [sink], TextLedger(), at(0))
    assert "could not be reached" in report.failed[0][2]
    assert report.waiting == 1
