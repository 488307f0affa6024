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

from google.protobuf.message import Message
from redis.client import Pipeline

from edge.memory import Memory
from edge.problems import malformed
from kernel.contract import Command

MAX_KEY_CHARS = 255
KEEP_S = 24 * 3600
# How long a request may take to be queued, before a repeat is taken for a new try.
IN_FLIGHT_S = 10
IN_FLIGHT = b"i"
DONE = b"d"
_NAMESPACE = uuid.UUID("b0e22f0d-51ed-5f13-9ef6-d0fe7177d58f")
_PRINTABLE = re.compile(r"[\x20-\x7e]+")

# Takes each key that is free, and answers what holds the others.
_CLAIM = """
local held = {}
for i, name in ipairs(KEYS) do
  if redis.call('SET', name, ARGV[i + 1], 'NX', 'EX', ARGV[1]) then
    held[i] = false
  else
    held[i] = redis.call('GET', name)
  end
end
return held
"""


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

    def claim(self, keys: Sequence[Key]) -> list[bytes | None]:
        """Takes each key for its request, and answers what held it before: None for a free one."""
        if not keys:
            return []
        return self._memory.ask(lambda: self._claim(keys)) or [None] * len(keys)

    def add_done(self, pipeline: Pipeline, key: Key) -> None:
        """Notes with a pipeline that the request was accepted: repeats get its receipt for KEEP_S."""
        pipeline.set(self._name(key), DONE + key.fingerprint, ex=KEEP_S)

    def free(self, keys: Sequence[Key]) -> None:
        """Gives keys back whose requests were not accepted."""
        if keys:
            self._memory.tell(lambda: self._memory.quick.delete(*map(self._name, keys)))

    def _claim(self, keys: Sequence[Key]) -> list[bytes | None]:
        values = (IN_FLIGHT + key.fingerprint for key in keys)
        held: list[bytes | None] = self._memory.quick.eval(
            _CLAIM, len(keys), *map(self._name, keys), IN_FLIGHT_S, *values
        )
        return held

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


@lru_cache(maxsize=4096)
def _subject_namespace(subject: str) -> uuid.UUID:
    return uuid.uuid5(_NAMESPACE, subject)
