"""Sends metrics and late log lines to CloudWatch from a thread of its own, so that no invocation waits."""

import contextlib
import logging
import queue
import threading
import time
from collections import defaultdict
from dataclasses import dataclass

from localstack.aws.connect import connect_to

from tenfold_localstack import emf

LOG = logging.getLogger(__name__)

MAX_ITEMS_PER_ROUND = 10_000
MAX_DATA_PER_CALL = 1000


@dataclass(frozen=True)
class Destination:
    account: str
    region: str
    log_group: str
    log_stream: str


class Shipper:
    def __init__(self) -> None:
        self._queue: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._run, name="cloudwatch-shipper", daemon=True).start()

    def line(self, line: str, to: Destination) -> None:
        """Looks for metrics in one log line."""
        try:
            metrics = emf.parse(line)
        except emf.Malformed as error:
            LOG.warning("%s wrote malformed EMF (%s): %s", to.log_group, error, line[:500])
            return
        for metric in metrics:
            self._queue.put((to, metric))

    def log(self, text: str, to: Destination) -> None:
        """Log lines that belong to no invocation: LocalStack only stores those of an invocation."""
        if text.strip():
            self._queue.put((to, text))

    def _run(self) -> None:
        while True:
            batch = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < MAX_ITEMS_PER_ROUND:
                    batch.append(self._queue.get_nowait())
            metrics = defaultdict(list)
            for to, item in batch:
                if isinstance(item, emf.Metric):
                    metrics[to.account, to.region, item.namespace].append(item.datum)
                else:
                    self._attempt(_put_log, to, item)
            for key, data in metrics.items():
                fewer = emf.merged(data)
                for start in range(0, len(fewer), MAX_DATA_PER_CALL):
                    self._attempt(_put_metrics, key, fewer[start : start + MAX_DATA_PER_CALL])

    @staticmethod
    def _attempt(send, *arguments) -> None:
        try:
            send(*arguments)
        except Exception:
            LOG.exception("CloudWatch did not take what a function wrote")


def _put_metrics(key: tuple[str, str, str], data: list[dict]) -> None:
    account, region, namespace = key
    client = connect_to(aws_access_key_id=account, region_name=region).cloudwatch
    client.put_metric_data(Namespace=namespace, MetricData=data)


def _put_log(to: Destination, text: str) -> None:
    client = connect_to(aws_access_key_id=to.account, region_name=to.region).logs
    with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_group(logGroupName=to.log_group)
    with contextlib.suppress(client.exceptions.ResourceAlreadyExistsException):
        client.create_log_stream(logGroupName=to.log_group, logStreamName=to.log_stream)
    now = int(time.time() * 1000)
    client.put_log_events(
        logGroupName=to.log_group,
        logStreamName=to.log_stream,
        logEvents=[{"timestamp": now, "message": line} for line in text.splitlines() if line],
    )
