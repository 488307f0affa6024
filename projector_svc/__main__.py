"""Starts the read-model updater: a consumer a subscriber, the caretaker of generations, and the gRPC side."""

from collections.abc import Callable, Sequence

import upcasters
from kernel import contract, worker
from kernel.commits import CommitReader
from kernel.consumer import Consumer
from kernel.dead_letters import DeadLetters
from kernel.generations import Stamps
from kernel.ports import Storage
from kernel.queues import events_for
from kernel.redis import connect
from kernel.settings import Settings
from kernel.storage import open_storage
from kernel.tokens import open_tokens
from kernel.upcasting import EventReader
from kernel.updates import UpdateLog
from kernel.worker_server import WorkerServer
from projector_svc.announcing import Announcer
from projector_svc.events import EventHandler
from projector_svc.projecting import Projector
from projector_svc.rebuild.rebuilding import Rebuilding
from projector_svc.rows import Rows
from projector_svc.shop import PROJECTIONS
from projector_svc.written import Written


def subscriber_consumer(
    settings: Settings,
    storage: Storage,
    subscriber: str,
    written: Callable[[Sequence[str]], Written],
    updates: UpdateLog,
) -> Consumer:
    """The consumer of one subscriber's queue. `written` makes what it knows of the views' generations.

    `updates` is where it announces what it did, if that is its task.
    """
    agreed = contract.load()
    reader = EventReader(agreed, upcasters.ALL)
    projections = [item for item in PROJECTIONS if agreed.views[item.view].subscriber == subscriber]
    name = events_for(subscriber)
    queue = storage.queue(name)
    handler = EventHandler(
        Projector(agreed, projections, reader, storage.events),
        Rows(storage.views, agreed),
        reader,
        CommitReader(storage.events),
        Announcer(updates, queue) if subscriber == contract.ANNOUNCER else None,
        written([item.view for item in projections]),
    )
    return Consumer(queue, DeadLetters(storage, name), handler)


def main() -> None:
    """Runs until SIGTERM."""
    settings = worker.begin("projector_svc")
    storage = open_storage(settings)
    subscribers = {view.subscriber for view in contract.load().views.values()}
    stamps = Stamps(connect(settings), settings.prism_namespace)
    reader = EventReader(contract.load(), upcasters.ALL)
    rebuilding = Rebuilding(contract.load(), PROJECTIONS, reader, storage, stamps)
    updates = UpdateLog(connect(settings), settings.prism_namespace)
    # A first batch that had to be told anew would pass over what its rows showed in between.
    updates.learn()
    consumers = [
        subscriber_consumer(settings, storage, name, rebuilding.written, updates)
        for name in sorted(subscribers)
    ]
    server = WorkerServer(
        settings,
        service="projector_svc",
        port=settings.prism_projector_grpc_port,
        tokens=open_tokens(settings),
        consumers=consumers,
        healthy=worker.reachable(storage, consumers),
        rings={consumer.name: consumer.ring for consumer in consumers},
        events=storage.events,
        register=rebuilding.register,
    )
    scraped = worker.metrics_server(
        settings, "projector_svc", settings.prism_projector_metrics_port, storage, consumers
    )
    worker.run(server, consumers, storage, [rebuilding, scraped])


if __name__ == "__main__":
    main()
