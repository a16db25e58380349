"""What the gateway's cold start is compared with: a Python function with the same two clients.

Powertools stands for what `tenfold-lambda` gives: JSON logs and EMF metrics. Its Tracer stays unused: this suite
has none either.
"""

import boto3
from aws_lambda_powertools import Logger, Metrics

logger = Logger(service="bench")
metrics = Metrics(namespace="bench", service="bench")
dynamodb = boto3.client("dynamodb")
sqs = boto3.client("sqs")


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event, context):
    return {"statusCode": 200}
