"""Several batches of a queue at once, as on AWS, instead of one after the other.

LocalStack's poller receives a batch, invokes the function and waits for its answer, all in one loop, so that one slow
batch holds up all others. Here the same loop only receives, and each batch has a thread of its own that invokes and
deletes. One receiver for all keeps an idle queue as cheap as it was; the loop's end waits for the batches that are
under way, as it did for its only one, and only then is the mapping disabled or gone.
"""

import logging
import threading
from collections.abc import Callable

from localstack.services.lambda_.event_source_mapping import esm_worker_factory
from localstack.services.lambda_.event_source_mapping.esm_worker import EsmWorker
from localstack.services.lambda_.event_source_mapping.esm_worker_factory import EsmWorkerFactory
from localstack.services.lambda_.event_source_mapping.pollers.sqs_poller import SqsPoller

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
        return worker

    esm_worker_factory.SqsPoller = ParallelSqsPoller
    EsmWorkerFactory.get_esm_worker = get_esm_worker
