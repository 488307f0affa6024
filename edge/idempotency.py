"""Idempotency: the same key and request have one effect and one receipt.

    prism:idempotency:<command id>    `i` or `d` (in flight, done), then the request's fingerprint

A command with a key is named by its sender and the key, so the name is all that Redis needs to hold;
and a repeat after Redis forgot is still the same command to whoever decides on it.
"""

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from google.protobuf.message import Message
from redis.client import Pipeline

from edge.limits import TOLL_LUA, Toll, refused
from edge.memory import Memory
from edge.problems import malformed
from kernel.contract import Command
from kernel.telemetry.metrics import LIMITED, UNLIMITED

MAX_KEY_CHARS = 255
KEEP_S = 24 * 3600
# How long a request may take to be queued, before a repeat is taken for a new try.
IN_FLIGHT_S = 10
# Whose namespaces are remembered: the latest.
SUBJECTS = 4096
IN_FLIGHT = b"i"
DONE = b"d"
_NAMESPACE = uuid.UUID("b0e22f0d-51ed-5f13-9ef6-d0fe7177d58f")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")

# Takes the toll, if there is one, and each key that is free. Answers the milliseconds until the sender has
# room (then nothing was taken), and what holds the other keys.
_CLAIM = f"""
{TOLL_LUA}
local keep_s, tolled, first = ARGV[1], tonumber(ARGV[2]), 1
if tolled > 0 then
  local wait_ms = take_toll(KEYS[1], tolled, tonumber(ARGV[3]), tonumber(ARGV[4]))
  if wait_ms > 0 then return {{wait_ms}} end
  first = 2
end
local answer = {{0}}
for i = first, #KEYS do
  if redis.call('SET', KEYS[i], ARGV[5 + i - first], 'NX', 'EX', keep_s) then
    table.insert(answer, false)
  else
    table.insert(answer, redis.call('GET', KEYS[i]))
  end
end
return answer
"""
_NO_TOLL = (0, 0, 0)


class Claim(Enum):
    """What a key says of the request that comes with it."""

    FIRST = "nobody used it, or Redis cannot tell"
    IN_FLIGHT = "the same request is being accepted"
    DONE = "the same request was accepted"
    REUSED = "another request has it"


@dataclass(frozen=True, slots=True)
class Key:
    """A request that carries a key."""

    command_id: str
    fingerprint: bytes


class Keys:
    """The keys in Redis. A call is one round trip, however many keys, and goes on without Redis."""

    def __init__(self, memory: Memory, namespace: str) -> None:
        self._memory = memory
        self._prefix = f"{namespace}:idempotency:"

    def claim(self, keys: Sequence[Key], toll: Toll | None = None) -> list[bytes | None]:
        """Takes each key for its request, and answers what held it before: None for a free one.

        A rate-limited Problem, and no key is taken, where the sender cannot pay the toll now.
        """
        if not keys and not toll:
            return []
        answer = self._memory.ask(lambda: self._claim(keys, toll))
        if answer is None:
            if toll:
                UNLIMITED.inc(toll.commands)
            return [None] * len(keys)
        wait_ms, *held = answer
        if wait_ms:
            assert toll, "there is nothing else to wait for"
            LIMITED.inc(toll.commands)
            raise refused(wait_ms)
        return held

    def add_done(self, pipeline: Pipeline, key: Key) -> None:
        """Notes with a pipeline that the request was accepted: repeats get its receipt for KEEP_S."""
        pipeline.set(self._name(key), DONE + key.fingerprint, ex=KEEP_S)

    def free(self, keys: Sequence[Key]) -> None:
        """Gives keys back whose requests were not accepted."""
        if keys:
            self._memory.tell(lambda: self._memory.quick.delete(*map(self._name, keys)))

    def _claim(self, keys: Sequence[Key], toll: Toll | None) -> list[Any]:
        names = [*([toll.name] if toll else ()), *map(self._name, keys)]
        values = (IN_FLIGHT + key.fingerprint for key in keys)
        tolled = toll.arguments if toll else _NO_TOLL
        answer: list[Any] = self._memory.quick.eval(_CLAIM, len(names), *names, IN_FLIGHT_S, *tolled, *values)
        return answer

    def _name(self, key: Key) -> str:
        return self._prefix + key.command_id


def judge(held: bytes, key: Key) -> Claim:
    """What a key that is held says of a request."""
    if held[1:] != key.fingerprint:
        return Claim.REUSED
    return Claim.DONE if held[:1] == DONE else Claim.IN_FLIGHT


def parse_key(text: str) -> str:
    """The key, quoted or not: `"k1"` is `k1`. A malformed Problem for one that is no key."""
    quoted = len(text) > 1 and text[0] == text[-1] == '"'
    key = text[1:-1] if quoted else text
    if len(key) > MAX_KEY_CHARS or not _PRINTABLE.fullmatch(key):
        raise malformed(f"an idempotency key has 1 to {MAX_KEY_CHARS} printable ASCII characters")
    return key


def command_id(subject: str, key: str | None) -> str:
    """The command's id: of the sender and the key, so that a repeat is the same command; else random."""
    return str(uuid.uuid5(_subject_namespace(subject), key) if key else uuid.uuid4())


def fingerprint(command: Command, message: Message, expected_version: int | None) -> bytes:
    """What tells one request from another: its command, its message and its condition."""
    data = message.SerializeToString(deterministic=True)
    text = b"%s\0%s\0%s" % (command.type.encode(), str(expected_version).encode(), data)
    return hashlib.blake2b(text, digest_size=16).digest()


@lru_cache(SUBJECTS)
def _subject_namespace(subject: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, subject)
