"""Time, actors, and who runs next. One run's clock goes from event to event: nothing waits in earnest.

An actor is a thread, because the code under test is synchronous, but only one thread ever runs: an
actor that sleeps hands over to the one that wakes first. All chance comes from dice that are named by
the seed and the actor, so that the same seed gives the same run, and an actor's luck does not depend on
what others do.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush

# When simulated time begins, in seconds since the epoch: 15 s before midnight, so that runs cross it.
EPOCH_S = 1_800_057_585.0
NEVER = float("inf")


class Killed(BaseException):
    """Ends an actor's process at once: no handler of errors may catch it."""


class Stuck(Exception):
    """The run did not come to rest in time."""


@dataclass(slots=True)
class Process:
    """What dies together: the actors of one process of a service."""

    name: str
    actors: list["Actor"] = field(default_factory=list)
    # Stopped until then, as by the machine's swapping or a long collection of garbage.
    frozen_until: float = 0.0


class Actor:
    """A thread of a process. Runs only when it is its turn."""

    def __init__(self, name: str, process: Process, dice: random.Random) -> None:
        self.name = name
        self.process = process
        self.dice = dice
        # How many calls it has made: with its name, what names a call.
        self.calls = 0
        self.killed = False
        self.wakes_at = NEVER
        # Takes no new work until then.
        self.paused_until = 0.0
        self.turn = threading.Lock()
        self.turn.acquire()
        self.ticket = -1
        self.error: BaseException | None = None
        process.actors.append(self)


class World:
    """One run."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.now = EPOCH_S
        self.closing = False
        self.steps = 0
        # Entries are (when, ticket, actor); one whose ticket is not its actor's latest is void.
        self._agenda: list[tuple[float, int, Actor]] = []
        self._tickets = 0
        self._threads: list[threading.Thread] = []
        self._actors: list[Actor] = []
        self._conductor = Actor("conductor", Process("conductor"), self.dice("conductor"))
        self.current = self._conductor
        self._limit_steps: float = NEVER

    def dice(self, name: str) -> random.Random:
        """A source of chance of its own."""
        return random.Random(f"{self.seed}/{name}")  # noqa: S311 # chance, not a secret

    def start(self, name: str, process: Process, life: Callable[[], None]) -> Actor:
        """Adds an actor that begins its life now. The life may end by Killed."""
        actor = Actor(name, process, self.dice(name))

        def run() -> None:
            actor.turn.acquire()
            try:
                if not self.closing:
                    life()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 # told by `rest`, in the conductor's thread
                actor.error = error
            actor.wakes_at = NEVER
            actor.ticket = -1
            self._hand_over(self._conductor if self.closing or actor.error else self._next())

        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.append(thread)
        self._actors.append(actor)
        thread.start()
        self.wake(actor, self.now)
        return actor

    def sleep(self, seconds: float) -> None:
        """Lets time pass for the actor that runs; others run meanwhile."""
        actor = self.current
        self._check_alive(actor)
        self._schedule(actor, self.now + seconds)
        self._switch(actor)
        while actor.process.frozen_until > self.now:
            self._schedule(actor, actor.process.frozen_until)
            self._switch(actor)

    def park(self) -> None:
        """Sleeps until somebody wakes this actor."""
        self.sleep(NEVER)

    def wake(self, actor: Actor, at: float) -> None:
        """Wakes a sleeping actor at that time, unless it wakes sooner by itself."""
        if at < actor.wakes_at:
            self._schedule(actor, max(at, self.now))

    def kill(self, process: Process) -> None:
        """Ends every actor of a process, at whatever it is doing."""
        for actor in process.actors:
            actor.killed = True
            if actor is not self.current:
                self._schedule(actor, self.now)

    def rest(self, *, until: float = NEVER, max_steps: int) -> None:
        """Lets the actors run until all are parked or time has come to `until`. For the conductor.

        Stuck after that many steps. Raises whatever ended an actor against its will.
        """
        self._limit_steps = self.steps + max_steps
        if until < NEVER:
            self._schedule(self._conductor, until)
        self._switch(self._conductor)
        for actor in self._actors:
            if actor.error:
                raise actor.error
        if self.steps > self._limit_steps:
            raise Stuck(f"not at rest after {max_steps} steps, {self.now - EPOCH_S:.0f} s")

    def close(self) -> None:
        """Ends all threads."""
        self.closing = True
        for actor, thread in zip(self._actors, self._threads, strict=True):
            if thread.is_alive():
                actor.killed = True
                self.current = actor
                actor.turn.release()
                self._conductor.turn.acquire()
                thread.join()
        self.current = self._conductor

    @property
    def busy(self) -> bool:
        """Whether anybody is going to do anything by himself."""
        return any(actor.wakes_at < NEVER for actor in self._actors)

    def _schedule(self, actor: Actor, at: float) -> None:
        actor.wakes_at = at
        self._tickets += 1
        actor.ticket = self._tickets
        if at < NEVER:
            heappush(self._agenda, (at, self._tickets, actor))

    def _next(self) -> Actor:
        """Whose turn it is: the conductor's when nobody else has anything to do."""
        self.steps += 1
        if self.steps <= self._limit_steps:
            while self._agenda:
                at, ticket, actor = heappop(self._agenda)
                if ticket == actor.ticket:
                    actor.wakes_at = NEVER
                    self.now = at
                    return actor
        return self._conductor

    def _switch(self, actor: Actor) -> None:
        following = self._next()
        if following is not actor:
            self._hand_over(following)
            actor.turn.acquire()
        self._check_alive(actor)

    def _hand_over(self, actor: Actor) -> None:
        self.current = actor
        actor.turn.release()

    def _check_alive(self, actor: Actor) -> None:
        if actor.killed:
            raise Killed


@contextmanager
def surviving(world: World) -> Iterator[None]:
    """Around an incarnation of a process: its death ends the block; the end of the run passes."""
    try:
        yield
    except Killed:
        if world.closing:
            raise
        world.current.killed = False
