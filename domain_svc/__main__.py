"""Starts the domain service: the consumers of commands, of those whose time has come, and of policies' events,
and the gRPC side."""

from collections.abc import Callable, Sequence

import upcasters
from domain_svc import outcomes, shop
from domain_svc.admin import service as streams_admin
from domain_svc.admin.consequences import Consequences
from domain_svc.admin.history import History
from domain_svc.admin.service import StreamsService
from domain_svc.commands import CommandHandler
from domain_svc.deciding import Decider
from domain_svc.forwarding import forward_to
from domain_svc.lookup import Lookup
from domain_svc.reacting import PolicyHandler
from domain_svc.reactions import Reactions
from domain_svc.streams import Streams
from domain_svc.subscribers import subscribers
from kernel import contract, worker
from kernel.clock import now
from kernel.commits import CommitReader
from kernel.consumer import Consumer
from kernel.dead_letters import DeadLetters
from kernel.doorbell import Bell
from kernel.handler import Handler
from kernel.outcomes import OutcomeBoard
from kernel.ports import Storage
from kernel.publishing import Subscriber, publish
from kernel.queues import COMMANDS, COMMANDS_LATER, POLICIES
from kernel.redis import connect
from kernel.settings import Settings
from kernel.storage import open_storage
from kernel.tokens import open_tokens
from kernel.upcasting import EventReader
from kernel.updates import UpdateLog
from kernel.worker_server import WorkerServer
from prism.envelope.v1.envelope_pb2 import Delivery, Outcome


class DomainService:
    """The consumers of the domain service, wired."""

    def __init__(self, settings: Settings, storage: Storage) -> None:
        self._settings = settings
        self._storage = storage
        self._contract = contract.load()
        self._reader = EventReader(self._contract, upcasters.ALL)
        self._policies = shop.policies(settings.prism_payment_window)
        self.commands = self._consumer(COMMANDS, self._command_handler())
        forward = forward_to(storage.queue(COMMANDS), self.commands.ring)
        self.later = self._consumer(COMMANDS_LATER, forward)
        self.reactions = self._consumer(POLICIES, self._policy_handler())

    def streams(self, exclusive: bool) -> Streams:
        """Streams of one thread's own."""
        return Streams(self._storage.events, shop.AGGREGATES, self._reader, exclusive)

    def lookup(self) -> Lookup:
        """A lookup of its own: a long search keeps nobody else waiting."""
        return Lookup(self._storage.events, self.streams(exclusive=False))

    def streams_admin(self) -> StreamsService:
        """What operators ask of streams."""
        streams, subscribers = self.streams(exclusive=False), self._subscribers()
        return StreamsService(
            self._contract,
            list(streams.aggregates),
            History(self._storage.events, streams, self._reader),
            Consequences(self.lookup(), Reactions(self._contract, self._policies, self._reader)),
            OutcomeBoard(connect(self._settings), self._settings.prism_namespace),
            self._reader,
            lambda commits: publish(commits, subscribers, anew=True),
        )

    def _consumer(self, queue: str, handler: Handler) -> Consumer:
        return Consumer(self._storage.queue(queue), DeadLetters(self._storage, queue), handler)

    def _command_handler(self) -> CommandHandler:
        streams = self.streams(self._settings.prism_domain_exclusive)
        subscribers = self._subscribers()
        return CommandHandler(
            self._storage.events,
            streams,
            Decider(self._contract, streams.load_current, now),
            lambda commits: publish(commits, subscribers),
            self._announcer(),
        )

    def _policy_handler(self) -> PolicyHandler:
        return PolicyHandler(
            self._contract,
            self._policies,
            self._reader,
            CommitReader(self._storage.events),
            self._storage.queue(COMMANDS),
            self._storage.queue(COMMANDS_LATER),
            self.commands.ring,
        )

    def _subscribers(self) -> list[Subscriber]:
        return subscribers(self._contract, self._policies, self._storage.queue, self._bell_of)

    def _bell_of(self, queue: str) -> Callable[[], None]:
        if queue == POLICIES:
            return lambda: self.reactions.ring()
        return Bell(self._settings, self._settings.projector_target, queue).ring

    def _announcer(self) -> Callable[[Sequence[Outcome]], None]:
        updates = UpdateLog(connect(self._settings), self._settings.prism_namespace)

        def announce(failed: Sequence[Outcome]) -> None:
            updates.publish_facts(
                [Delivery(command_id=outcome.command_id, outcome=outcome) for outcome in failed]
            )

        return announce


def main() -> None:
    """Runs until SIGTERM."""
    settings = worker.begin("domain_svc")
    storage = open_storage(settings)
    service = DomainService(settings, storage)
    consumers = [service.commands, service.later, service.reactions]
    server = WorkerServer(
        settings,
        service="domain_svc",
        port=settings.prism_domain_grpc_port,
        tokens=open_tokens(settings),
        consumers=consumers,
        healthy=worker.reachable(storage, consumers),
        rings={consumer.name: consumer.ring for consumer in consumers},
        events=storage.events,
        register=lambda server: [
            *outcomes.register(outcomes.OutcomesService(service.lookup()))(server),
            *streams_admin.register(service.streams_admin())(server),
        ],
    )
    scraped = worker.metrics_server(
        settings, "domain_svc", settings.prism_domain_metrics_port, storage, consumers
    )
    worker.run(server, consumers, storage, [scraped])


if __name__ == "__main__":
    main()
