"""The request headers that change what a command means: Prefer, Idempotency-Key, If-Match."""

import re

from flask import request

from edge.idempotency import parse_key
from edge.problems import malformed

MAX_WAIT_S = 30
MAX_VERSION = 2**32 - 1
# A preference, with or without a value; what follows a `;` are parameters.
_PREFERENCE = re.compile(r'\s*([\w-]+)\s*(?:=\s*(?:"([^"]*)"|([^\s,;"]*)))?\s*(?:;[^,]*)?(?:,|$)')
_ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e]*)"')


def wait_preference() -> int | None:
    """The seconds of `Prefer: wait=N`, 1 to 30. Preferences that nobody can honour are ignored."""
    header = request.headers.get("Prefer")
    if not header:
        return None
    for match in _PREFERENCE.finditer(header):
        if match[1].lower() == "wait":
            # RFC 7240: of a preference that is given twice, the first counts.
            value = match[2] or match[3] or ""
            return int(value) if re.fullmatch("[0-9]{1,2}", value) and 1 <= int(value) <= MAX_WAIT_S else None
    return None


def idempotency_key() -> str | None:
    """The request's key. A malformed Problem for one that is no key."""
    header = request.headers.get("Idempotency-Key")
    return None if header is None else parse_key(header)


def expected_version() -> int | None:
    """The version of `If-Match: "7"`. A malformed Problem for anything but one version."""
    header = request.headers.get("If-Match")
    if header is None:
        return None
    match = re.fullmatch(r'"([0-9]{1,10})"|([0-9]{1,10})', header.strip())
    if not match or int(match[1] or match[2]) > MAX_VERSION:
        raise malformed('If-Match takes one version of the stream, as "7"')
    return int(match[1] or match[2])


def none_match(etag: str) -> bool:
    """Whether If-None-Match names the entity tag (without its quotes), which asks for a 304."""
    header = request.headers.get("If-None-Match")
    if not header:
        return False
    if header.strip() == "*":
        return True
    # Weak comparison, as RFC 9110 has it for this header.
    return any(tag == etag for _, tag in _ENTITY_TAG.findall(header))
