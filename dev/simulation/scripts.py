"""Prism's Redis scripts, run as they are: real Lua over a simulated Redis.

Lua's values become Python's as Redis makes replies of them: a table is a list up to its first nil, false is
nil, a number is whole.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from lupa.lua51 import LuaRuntime, lua_type

Bytes = bytes | str | int | float
# What `redis.call` does: the command's name, then its arguments.
Call = Callable[..., Any]


def run(text: str, keys: Sequence[str], arguments: Sequence[Bytes], call: Call) -> Any:  # noqa: ANN401 # a reply is anything
    """The reply of a script. Whatever `call` raises ends it."""
    lua, function = _compiled(text)

    def called(name: bytes, *rest: Bytes) -> Any:  # noqa: ANN401 # the same
        return _to_lua(lua, call(name.decode().upper(), *rest))

    table = lua.table_from
    redis = table({b"call": called})
    return _to_python(function(table(map(_bytes, keys)), table(map(_bytes, arguments)), redis))


@cache
def _compiled(text: str) -> tuple[Any, Any]:
    """A Lua without strings of Python's: Redis' texts are bytes."""
    lua: Any = LuaRuntime(encoding=None)
    return lua, lua.execute(f"return function(KEYS, ARGV, redis)\n{text}\nend".encode())


def _bytes(value: Bytes) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _to_lua(lua: Any, value: Any) -> Any:  # noqa: ANN401 # any reply
    if value is None:
        return False
    if isinstance(value, list | tuple):
        return lua.table_from([_to_lua(lua, item) for item in value])
    return value


def _to_python(value: Any) -> Any:  # noqa: ANN401 # the same
    if lua_type(value) == "table":
        items: list[Any] = []
        while (item := value[len(items) + 1]) is not None:
            items.append(_to_python(item))
        return items
    if isinstance(value, bool):
        return 1 if value else None
    return int(value) if isinstance(value, float) else value
