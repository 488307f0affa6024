"""Redis in memory: the commands that Prism uses of it, by themselves, in pipelines and in its scripts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis.exceptions

from dev.simulation import scripts
from dev.simulation.faults import ALWAYS_POSSIBLE, Fault
from dev.simulation.network import Network
from dev.simulation.world import NEVER, Actor
from edge import idempotency
from kernel import updates

Bytes = bytes | str | int
# How many entries more than it must keep it drops at a time.
SLACK = 3
POSSIBLE = ALWAYS_POSSIBLE | {Fault.TWICE}


@dataclass(slots=True)
class Memory:
    """What Redis holds, until it is flushed."""

    # By key: the value and when it expires.
    values: dict[str, tuple[Any, float]] = field(default_factory=dict)
    entries: list[tuple[tuple[int, int], dict[bytes, bytes]]] = field(default_factory=list)


# What scripts are called in histories.
_NAMES = {
    updates._ADD: "add updates",
    updates._POSITION: "ask for the latest update",
    updates._RENEW: "renew the epoch",
    idempotency._CLAIM: "claim the key",
}


class SimulatedRedis:
    """Stands for a redis.Redis of one process or all: it has no connection to lose."""

    def __init__(self, network: Network, on_entry: Callable[[bytes], None]) -> None:
        self.memory = Memory()
        self.flushes = 0
        self.epochs = 0
        self.entries_added = 0
        # Who could not add entries, since the present epoch began: they have to begin a new one.
        self.owing: set[str] = set()
        self.problems: list[str] = []
        # Readers that found nothing.
        self.waiting: list[Actor] = []
        self._network = network
        network.flush = self.flush
        self._world = network.world
        # Told of every entry of the updates.
        self._on_entry = on_entry

    @property
    def troubled(self) -> bool:
        """Whether anything ever went wrong with it."""
        return bool(self.troubles)

    @property
    def troubles(self) -> int:
        """How often anything went wrong with it."""
        return self.flushes + self._network.troubles

    def flush(self) -> None:
        """Loses everything."""
        self.memory = Memory()
        self.flushes += 1
        self.wake_readers()

    def restarted(self, name: str) -> None:
        """A projector's consumer began anew: what it could not tell is in a queue, if it was to be kept."""
        self.owing.discard(name)

    def wake_readers(self) -> None:
        """Lets those that wait for an entry look again."""
        for actor in self.waiting:
            self._world.wake(actor, self._world.now + actor.dice.uniform(0, 0.01))

    def wait(self) -> None:
        """Parks a reader that found nothing until there is something new."""
        actor = self._world.current
        if actor not in self.waiting:
            self.waiting.append(actor)
        self._world.park()

    def register_script(self, text: str) -> Callable[..., Any]:
        """A script to be called with `keys` and `args`."""
        return lambda keys, args: self.eval(text, len(keys), *keys, *args)

    def eval(self, text: str, count: int, *rest: Bytes) -> Any:  # noqa: ANN401 # as redis-py
        """Runs a script at once."""
        name = self._world.current.name
        try:
            return self._call(
                _NAMES.get(text, "script"),
                lambda: self._script(text, count, rest, name),
                # Elsewhere a flush changes nothing that the weather's would not.
                POSSIBLE | {Fault.FLUSHED} if text == updates._ADD else POSSIBLE,
            )
        except redis.exceptions.ConnectionError:
            if text == updates._ADD:
                self.owing.add(name)
            raise

    def set(self, key: str, value: str) -> None:
        """SET, of the epoch."""
        self._call("begin a new epoch", lambda: self._set(key, value.encode(), []))

    def delete(self, *keys: str) -> None:
        """DEL."""
        self._call("delete", lambda: [self.memory.values.pop(key, None) for key in keys] and None)

    def hmget(self, key: str, fields: Sequence[str]) -> Any:  # noqa: ANN401 # as redis-py
        """HMGET."""
        return self._call("look at the stamps", lambda: [(self.get_now(key) or {}).get(f) for f in fields])

    def hsetnx(self, key: str, name: str, value: str) -> None:
        """HSETNX."""
        self._call("add a stamp", lambda: self._hash(key).setdefault(name, value.encode()))

    def hset(self, key: str, name: str, value: str) -> None:
        """HSET."""
        self._call("renew a stamp", lambda: self._hash(key).update({name: value.encode()}))

    def xrange(self, key: str, first: str, last: str) -> Any:  # noqa: ANN401 # as redis-py
        """XRANGE, for one id."""
        return self._call("xrange", lambda: [e for e in self._raw() if e[0].decode() == first == last])

    def xrevrange(self, key: str, count: int) -> Any:  # noqa: ANN401 # as redis-py
        """XREVRANGE."""
        return self._call("xrevrange", lambda: self._raw()[: -count - 1 : -1])

    def xread(self, streams: dict[str, str], count: int, block: int) -> Any:  # noqa: ANN401 # as redis-py
        """XREAD of one stream, without blocking: who finds nothing calls `wait`."""
        [after] = streams.values()

        def read() -> list[Any]:
            place = _parse(after)
            found = [e for e in self._raw() if _parse(e[0].decode()) > place]
            return [[b"updates", found[:count]]] if found else []

        return self._call("xread", read)

    def blmove(self, key: str, _: str, timeout: float, *ends: str) -> Any:  # noqa: ANN401 # as redis-py
        """BLMOVE of a list to itself: its element, once it has one."""
        actor, ends_at = self._world.current, self._world.now + timeout
        found = self._call("wait for an outcome", lambda: self.get_now(key))
        self.waiting.append(actor)
        try:
            while not found and self._world.now < ends_at:
                self._world.sleep(ends_at - self._world.now)
                found = self.get_now(key)
        finally:
            self.waiting.remove(actor)
        return found[0] if found else None

    def pipeline(self, transaction: bool) -> "Pipeline":
        """A pipeline, done at once by `execute`."""
        assert not transaction
        return Pipeline(self)

    def run(self, commands: Sequence[tuple[Any, ...]]) -> Any:  # noqa: ANN401 # as redis-py
        """All commands of a pipeline, in one round trip."""
        return self._call("note what was accepted", lambda: [self._queued(*command) for command in commands])

    def _queued(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401 # as redis-py
        if name == "EVAL":
            text, count, *rest = arguments
            return self._script(text, count, rest, "")
        return self.command(name, *arguments)

    def get_now(self, key: str) -> Any:  # noqa: ANN401 # as redis-py
        """The value of a key, without a call: for the checks, too."""
        value, expires_at = self.memory.values.get(key, (None, NEVER))
        return value if expires_at > self._world.now else None

    def _script(self, text: str, count: int, rest: Sequence[Bytes], name: str) -> Any:  # noqa: ANN401 # as redis-py
        before = self.entries_added
        reply = scripts.run(text, [str(key) for key in rest[:count]], rest[count:], self.command)
        if self.entries_added > before and name in self.owing:
            self.problems.append(f"{name} could not tell of updates, and began no new epoch")
        return reply

    def command(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401 # as redis-py
        """One command, with keys and numbers as texts or bytes."""
        key = _text(arguments[0]) if arguments else ""
        match name, arguments[1:]:
            case "GET", ():
                return self.get_now(key)
            case "SET", (value, *options):
                return self._set(key, value, [_text(option).upper() for option in options])
            case "DEL", ():
                return int(self.memory.values.pop(key, None) is not None)
            case "EXISTS", ():
                return int(self.get_now(key) is not None)
            case "EXPIRE", (seconds,):
                self.memory.values[key] = self.get_now(key), self._world.now + float(seconds)
                return 1
            case "RPUSH", (item,):
                held = [*(self.get_now(key) or []), item]
                self.memory.values[key] = held, self.memory.values.get(key, (None, NEVER))[1]
                return len(held)
            case "LTRIM", (first, b"-1" | -1):
                self.memory.values[key] = self.get_now(key)[int(first) :], self.memory.values[key][1]
                return b"OK"
            case "LINDEX", (place,):
                return (self.get_now(key) or [None])[int(place)]
            case "XADD", (b"MAXLEN", b"~", capacity, b"*", *pairs):
                return self._add(int(capacity), dict(zip(pairs[::2], pairs[1::2], strict=True)))
            case "XREVRANGE", (b"+", b"-", b"COUNT", count):
                return [[id_, _flat(fields)] for id_, fields in self._raw()[: -int(count) - 1 : -1]]
        raise AssertionError(f"the simulation knows no command {name} {arguments}")

    def _set(self, key: str, value: Any, options: Sequence[str]) -> Any:  # noqa: ANN401 # as redis-py
        if "NX" in options and self.get_now(key) is not None:
            return None
        lasts_s = float(options[options.index("EX") + 1]) if "EX" in options else NEVER
        begins = key.endswith(":epoch") and self.get_now(key) != value
        self.memory.values[key] = value, self._world.now + lasts_s
        if begins:
            self._begin()
        return b"OK"

    def _add(self, capacity: int, fields: dict[bytes, bytes]) -> bytes:
        id_ = int(self._world.now * 1000), 0
        if self.memory.entries and self.memory.entries[-1][0] >= id_:
            milliseconds, sequence = self.memory.entries[-1][0]
            id_ = milliseconds, sequence + 1
        self.memory.entries.append((id_, fields))
        self.entries_added += 1
        self._on_entry(fields[b"d"])
        # As `MAXLEN ~` does: never fewer than that, and often more.
        if len(self.memory.entries) >= capacity + SLACK:
            del self.memory.entries[:-capacity]
        self.wake_readers()
        return self._raw()[-1][0]

    def _begin(self) -> None:
        """An epoch begins: whoever follows fetches anew, and owes nobody anything."""
        self.epochs += 1
        self.owing.clear()
        self.wake_readers()

    def _hash(self, key: str) -> dict[str, bytes]:
        if self.get_now(key) is None:
            self.memory.values[key] = {}, NEVER
        found: dict[str, bytes] = self.get_now(key)
        return found

    def _raw(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        return [(f"{id_[0]}-{id_[1]}".encode(), fields) for id_, fields in self.memory.entries]

    def _call(self, what: str, effect: Callable[[], Any], possible: frozenset[Fault] = POSSIBLE) -> Any:  # noqa: ANN401 # as redis-py
        return self._network.call(
            lambda: f"redis: {what}",
            effect,
            lambda _: redis.exceptions.ConnectionError("simulated: redis"),
            possible,
        )


class Pipeline:
    """Commands that wait for `execute`."""

    def __init__(self, server: SimulatedRedis) -> None:
        self._server = server
        self._commands: list[tuple[Any, ...]] = []

    def eval(self, text: str, count: int, *rest: Bytes) -> None:
        """EVAL."""
        self._commands.append(("EVAL", text, count, *rest))

    def set(self, key: str, value: Bytes, ex: int) -> None:
        """SET with EX."""
        self._commands.append(("SET", key, value, "EX", ex))

    def get(self, key: str) -> None:
        """GET."""
        self._commands.append(("GET", key))

    def lindex(self, key: str, index: int) -> None:
        """LINDEX, of a list of one."""
        self._commands.append(("LINDEX", key, index))

    def execute(self, raise_on_error: bool = True) -> Any:  # noqa: ANN401 # as redis-py
        """All of them."""
        return self._server.run(self._commands)


def _parse(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)


def _text(value: Bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _flat(fields: dict[bytes, bytes]) -> list[bytes]:
    return [part for pair in fields.items() for part in pair]
