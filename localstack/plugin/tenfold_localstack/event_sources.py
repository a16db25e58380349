"""Several batches of a queue at once, as on AWS, instead of one after the other.

LocalStack's poller receives a batch, invokes the function and waits for its answer, all in one loop, so that one slow
batch holds up all others. Here the same loop only receives, and each batch has a thread of its own that invokes and
deletes. One receiver for all keeps an idle queue as cheap as it was; the loop's end waits for the batches that are
under way, as it did for its only one, and only then is the mapping disabled or gone.

Of a stream it handles the shards one after the other, in the same loop. Here each shard whose batch is under way has a
thread of its own, and is not read before that batch is over. A batch whose function fails is split, where its mapping says
so, until what fails is alone.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from copy import deepcopy

from localstack.services.lambda_.event_source_mapping import esm_worker_factory
from localstack.services.lambda_.event_source_mapping.esm_worker import EsmWorker
from localstack.services.lambda_.event_source_mapping.esm_worker_factory import EsmWorkerFactory
from localstack.services.lambda_.event_source_mapping.event_processor import BatchFailureError, EventProcessor
from localstack.services.lambda_.event_source_mapping.pollers.dynamodb_poller import DynamoDBPoller
from localstack.services.lambda_.event_source_mapping.pollers.kinesis_poller import KinesisPoller
from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller
from localstack.services.lambda_.event_source_mapping.pollers.stream_poller import StreamPoller

LOG = logging.getLogger(__name__)

# How many batches at once where the mapping does not say (AWS begins with five), and at most: a laptop has few cores,
# and LocalStack's client ten connections.
USUAL = 4
MOST = 10


class ParallelSqsPoller(SqsPoller):
    """Receives for as long as there are messages, and fewer than `at_once` batches under way. FIFO stays in order."""

    at_once: int = 1
    is_over: Callable[[], bool] = staticmethod(lambda: False)

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self._under_way: set[threading.Thread] = set()
        self._received = 0

    def poll_events(self) -> None:
        if self.is_fifo_queue:
            return super().poll_events()
        # The worker comes again in a moment, whether there was room or not.
        while self._has_room() and not self.is_over():
            self._received = 0
            super().poll_events()
            if self._received < self.batch_size:
                return

    def handle_messages(self, messages: list[dict]) -> None:
        # What was received beyond the room (LocalStack splits batches of more than 2,500) is handled right here.
        if self.is_fifo_queue or not self._has_room():
            return super().handle_messages(messages)
        self._received += len(messages)
        thread = threading.Thread(target=self._handle, args=(messages,), name="sqs-batch", daemon=True)
        self._under_way.add(thread)
        thread.start()

    def close(self) -> None:
        """Returns when no batch is under way any more."""
        for thread in list(self._under_way):
            thread.join()
        super().close()

    def _has_room(self) -> bool:
        return len(self._under_way) < self.at_once

    def _handle(self, messages: list[dict]) -> None:
        try:
            super().handle_messages(messages)
        except Exception as error:
            # The batch's messages were not deleted, and come again.
            LOG.warning("a batch of %s failed: %s", self.source_arn, error)
        finally:
            self._under_way.discard(threading.current_thread())


class _Split(BaseException):
    """A batch that failed as a whole. No `Exception`: those make LocalStack try the same batch again."""


class _Splitting(EventProcessor):
    """Hands batches on, and asks to split those that fail and have more than one event."""

    def __init__(self, processor: EventProcessor) -> None:
        self._processor = processor

    def process_events_batch(self, input_events: list[dict]) -> None:
        try:
            self._processor.process_events_batch(input_events)
        except BatchFailureError:
            if len(input_events) > 1:
                raise _Split from None
            raise

    def generate_event_failure_context(self, abort_condition: str, **kwargs) -> dict:
        return self._processor.generate_event_failure_context(abort_condition, **kwargs)


class _SideBySide(StreamPoller):
    """Handles the batches of a shard in order, and the shards side by side."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        # The batches of a shard that wait behind the one which is under way, and its thread.
        self._waiting: dict[str, deque] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._lock = threading.Lock()

    def poll_events_from_shard(self, shard_id: str, shard_iterator: str) -> None:
        if shard_id not in self._waiting:
            super().poll_events_from_shard(shard_id, shard_iterator)

    def forward_events_to_target(self, shard_id: str, records) -> None:
        with self._lock:
            if shard_id in self._waiting:
                return self._waiting[shard_id].append(records)
            self._waiting[shard_id] = deque([records])
        thread = threading.Thread(target=self._handle, args=(shard_id,), name="stream-shard", daemon=True)
        self._threads[shard_id] = thread
        thread.start()

    def close(self) -> None:
        """Returns when no batch is under way any more; one that fails is not tried again."""
        super().close()
        for thread in list(self._threads.values()):
            thread.join()

    def _handle(self, shard_id: str) -> None:
        while records := self._next(shard_id):
            try:
                self._forward(shard_id, records)
            except Exception as error:
                LOG.warning("a batch of %s of %s failed: %s", shard_id, self.source_arn, error)

    def _forward(self, shard_id: str, records) -> None:
        try:
            # LocalStack changes what it is given.
            super().forward_events_to_target(shard_id, deepcopy(records))
        except _Split:
            middle = len(records) // 2
            for half in (records[:middle], records[middle:]):
                self._forward(shard_id, half)

    def _next(self, shard_id: str):
        with self._lock:
            if not self._is_shutdown.is_set() and self._waiting[shard_id]:
                return self._waiting[shard_id].popleft()
            del self._waiting[shard_id]
        return None


class ParallelKinesisPoller(_SideBySide, KinesisPoller):
    pass


class ParallelDynamoDBPoller(_SideBySide, DynamoDBPoller):
    pass


def at_once(mapping: dict) -> int:
    """How many batches of a mapping are handled at once."""
    # From a template it may come as text.
    asked = (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency")
    return min(int(asked or USUAL), MOST)


def adopt() -> None:
    original = EsmWorkerFactory.get_esm_worker

    def get_esm_worker(self) -> EsmWorker:
        worker = original(self)
        if isinstance(worker.poller, ParallelSqsPoller):
            worker.poller.at_once = at_once(self.esm_config)
            worker.poller.is_over = worker._shutdown_event.is_set
        elif isinstance(worker.poller, _SideBySide) and self.esm_config.get("BisectBatchOnFunctionError"):
            worker.poller.processor = _Splitting(worker.poller.processor)
        return worker

    esm_worker_factory.SqsPoller = ParallelSqsPoller
    esm_worker_factory.KinesisPoller = ParallelKinesisPoller
    esm_worker_factory.DynamoDBPoller = ParallelDynamoDBPoller
    EsmWorkerFactory.get_esm_worker = get_esm_worker
