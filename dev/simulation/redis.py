"""Redis in memory: the commands and the scripts that Prism uses of it.

A script is known by its text, and is done here in Python: one that is changed there must be changed
here too, and until then every run fails with its text.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis.exceptions

from dev.simulation.faults import ALWAYS_POSSIBLE, Fault
from dev.simulation.network import Network
from dev.simulation.world import NEVER, Actor
from edge import idempotency
from kernel import outcomes, updates

Bytes = bytes | str | int
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
    updates._RENEW: "begin a new epoch",
    idempotency._CLAIM: "claim the key",
}


class SimulatedRedis:
    """Stands for a redis.Redis of one process or all: it has no connection to lose."""

    def __init__(self, network: Network, on_entry: Callable[[bytes], None]) -> None:
        self.memory = Memory()
        self.flushes = 0
        self.epochs = 0
        # Who could not add entries, since the present epoch began: they have to begin a new one.
        self.owing: set[str] = set()
        # Who of those died, and does not know it any more.
        self.forgotten: set[str] = set()
        self.problems: list[str] = []
        # Readers that found nothing.
        self.waiting: list[Actor] = []
        self._network = network
        self._world = network.world
        # Told of every entry of the updates.
        self._on_entry = on_entry
        self._scripts: dict[str, Callable[[Sequence[str], Sequence[Bytes]], Any]] = {
            updates._ADD: self._add,
            updates._POSITION: self._position,
            updates._RENEW: self._renew,
            idempotency._CLAIM: self._claim,
            outcomes._ACCEPT: self._accept,
        }

    @property
    def troubled(self) -> bool:
        """Whether anything ever went wrong with it."""
        return bool(self.flushes or self._network.troubles)

    def flush(self) -> None:
        """Loses everything."""
        self.memory = Memory()
        self.flushes += 1
        self.wake_readers()

    def restarted(self, name: str) -> None:
        """A projector's consumer began anew: it knows nothing of what it could not tell."""
        if name in self.owing:
            self.owing.remove(name)
            self.forgotten.add(name)

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
        keys, name = [str(key) for key in rest[:count]], self._world.current.name
        try:
            return self._call(_NAMES.get(text, "script"), lambda: self._script(text, keys, rest[count:]))
        except redis.exceptions.ConnectionError:
            if text == updates._ADD:
                self.owing.add(name)
            raise

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

    def pipeline(self, transaction: bool) -> "Pipeline":
        """A pipeline, done at once by `execute`."""
        assert not transaction
        return Pipeline(self)

    def run(self, commands: Sequence[tuple[Any, ...]]) -> Any:  # noqa: ANN401 # as redis-py
        """All commands of a pipeline, in one round trip."""
        return self._call("note what was accepted", lambda: [self._command(*command) for command in commands])

    def get_now(self, key: str) -> Any:  # noqa: ANN401 # as redis-py
        """The value of a key, without a call: for the checks, too."""
        value, expires_at = self.memory.values.get(key, (None, NEVER))
        return value if expires_at > self._world.now else None

    def _command(self, name: str, *arguments: Any) -> Any:  # noqa: ANN401 # as redis-py
        match name, arguments:
            case "eval", (text, count, *rest):
                return self._script(text, [str(key) for key in rest[:count]], rest[count:])
            case "set", (key, value, expires_s):
                self._set(key, value, expires_s)
                return True
            case "get" | "lindex", (key,):
                return self.get_now(key)
        raise AssertionError(f"the simulation knows no command {name} {arguments}")

    def _script(self, text: str, keys: Sequence[str], arguments: Sequence[Bytes]) -> Any:  # noqa: ANN401 # the same
        assert text in self._scripts, f"the simulation does not know this script:\n{text}"
        return self._scripts[text](keys, arguments)

    def _add(self, keys: Sequence[str], arguments: Sequence[Any]) -> None:
        made, missed, capacity, namespace, *items = arguments
        if missed == "missed":
            self.memory.values.pop(keys[1], None)
        epoch = self._epoch(keys, made)
        name = self._world.current.name
        if name in self.owing:
            self.problems.append(f"{name} could not tell of updates, and began no new epoch")
        for place in range(0, len(items), 4):
            delivery, command_id, told, keep_s = items[place : place + 4]
            milliseconds, sequence = int(self._world.now * 1000), 0
            if self.memory.entries and self.memory.entries[-1][0] >= (milliseconds, 0):
                milliseconds, sequence = self.memory.entries[-1][0]
                sequence += 1
            self.memory.entries.append(((milliseconds, sequence), {b"e": epoch, b"d": delivery}))
            self._on_entry(delivery)
            if told != b"" and told != "":
                self._set(f"{namespace}:outcome:{command_id}", told, keep_s)
                self.memory.values.pop(f"{namespace}:accepted:{command_id}", None)
        del self.memory.entries[: -int(capacity)]
        self.wake_readers()

    def _position(self, keys: Sequence[str], arguments: Sequence[Any]) -> list[bytes]:
        epoch = self._epoch(keys, arguments[0])
        raw = self._raw()
        return [epoch, raw[-1][0] if raw else b"0-0"]

    def _renew(self, keys: Sequence[str], arguments: Sequence[Any]) -> None:
        if self.get_now(keys[1]) == arguments[0].encode():
            self._set(keys[1], arguments[1].encode(), None)
            self._begin()

    def _claim(self, keys: Sequence[str], arguments: Sequence[Any]) -> list[Any]:
        keep_s, tolled, _, _, *values = arguments
        assert not tolled, "nobody is limited here"
        held: list[bytes | None] = []
        for key, value in zip(keys, values, strict=True):
            held.append(self.get_now(key))
            if held[-1] is None:
                self._set(key, value, keep_s)
        return [0, *held]

    def _accept(self, keys: Sequence[str], arguments: Sequence[Any]) -> None:
        if self.get_now(keys[1]) is None:
            self._set(keys[0], arguments[0], arguments[1])

    def _epoch(self, keys: Sequence[str], made: str) -> bytes:
        epoch: bytes | None = self.get_now(keys[1])
        if epoch is None:
            epoch = made.encode()
            self._set(keys[1], epoch, None)
            self._begin()
        return epoch

    def _begin(self) -> None:
        """An epoch begins: whoever follows fetches anew, and owes nobody anything."""
        self.epochs += 1
        self.owing.clear()
        self.forgotten.clear()
        self.wake_readers()

    def _set(self, key: str, value: Any, expires_s: int | None) -> None:  # noqa: ANN401 # as redis-py
        expires_at = NEVER if expires_s is None else self._world.now + expires_s
        self.memory.values[key] = value, expires_at

    def _hash(self, key: str) -> dict[str, bytes]:
        if self.get_now(key) is None:
            self._set(key, {}, None)
        found: dict[str, bytes] = self.get_now(key)
        return found

    def _raw(self) -> list[tuple[bytes, dict[bytes, bytes]]]:
        return [(f"{id_[0]}-{id_[1]}".encode(), fields) for id_, fields in self.memory.entries]

    def _call(self, what: str, effect: Callable[[], Any]) -> Any:  # noqa: ANN401 # as redis-py
        return self._network.call(
            lambda: f"redis: {what}",
            effect,
            lambda _: redis.exceptions.ConnectionError("simulated: redis"),
            POSSIBLE,
        )


class Pipeline:
    """Commands that wait for `execute`."""

    def __init__(self, server: SimulatedRedis) -> None:
        self._server = server
        self._commands: list[tuple[Any, ...]] = []

    def eval(self, text: str, count: int, *rest: Bytes) -> None:
        """EVAL."""
        self._commands.append(("eval", text, count, *rest))

    def set(self, key: str, value: Bytes, ex: int) -> None:
        """SET with EX."""
        self._commands.append(("set", key, value, ex))

    def get(self, key: str) -> None:
        """GET."""
        self._commands.append(("get", key))

    def lindex(self, key: str, index: int) -> None:
        """LINDEX, of a list of one."""
        self._commands.append(("lindex", key))

    def execute(self, raise_on_error: bool = True) -> Any:  # noqa: ANN401 # as redis-py
        """All of them."""
        return self._server.run(self._commands)


def _parse(entry_id: str) -> tuple[int, int]:
    milliseconds, _, sequence = entry_id.partition("-")
    return int(milliseconds), int(sequence)
