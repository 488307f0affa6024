"""An issuer's published keys (JWKS): fetched anew in time, and never at an attacker's pace.

A token whose key is known costs no fetch: keys that have grown old are fetched anew beside the requests,
and go on counting while the issuer is out of reach. A token whose key is not known is worth a fetch, of
which there is a small allowance: whoever makes up names of keys soon has none left.
"""

import logging
import time
from collections.abc import Callable, Collection
from threading import Lock, Thread
from typing import Any

import jwt

from kernel.errors import ConfigurationError

# Older keys are fetched anew. A key that the issuer took back counts for so long at most.
FRESH_S = 300.0
# Keys of an issuer that is out of reach count no longer than this.
STALE_S = 24 * 3600.0
FETCH_TIMEOUT_S = 3.0
# How long a request waits for the fetch that another one makes.
WAIT_S = 1.0
# Nobody tries again so soon after a fetch that failed.
PAUSE_S = 2.0
# Fetches in search of an unknown key: so many in a row, and one more each so many seconds.
ALLOWANCE = 5
REFILL_S = 10.0

logger = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """The issuer's keys are needed and out of reach: nobody can say now whether the token is valid."""


class IssuerKeys:
    """The keys at an address, for signatures of the given algorithms. Safe for threads.

    ConfigurationError for an address that is none.
    """

    def __init__(
        self, url: str, algorithms: Collection[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        try:
            self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=FETCH_TIMEOUT_S)
        except jwt.PyJWKClientError:
            raise ConfigurationError("`PRISM_JWKS_URL` must be an http or https address") from None
        self._algorithms = frozenset(algorithms)
        self._clock = clock
        # Changes with the keys: what was checked with an earlier set has to be checked again.
        self.generation = 0
        self._keys: dict[str, jwt.PyJWK] = {}
        self._published: Any = None
        self._fetches = 0
        self._fetched_at = self._failed_at = float("-inf")
        self._allowance, self._counted_at = float(ALLOWANCE), clock()
        # Held by whoever fetches.
        self._fetching = Lock()

    def key_for(self, token: str) -> jwt.PyJWK:
        """The key that the token's header names. May fetch, and so block for FETCH_TIMEOUT_S.

        jwt.PyJWTError when there is no such key, KeysUnavailable when that cannot be found out.
        """
        name = jwt.get_unverified_header(token).get("kid")
        if not isinstance(name, str):
            raise jwt.InvalidTokenError("the token does not name the key that signed it")
        age_s = self._clock() - self._fetched_at
        key = self._keys.get(name) if age_s < STALE_S else None
        if key is None:
            self._search()
            key = self._keys.get(name)
        elif age_s > FRESH_S:
            self._renew()
        if key is None:
            raise jwt.InvalidTokenError("the key that signed the token cannot be found with its issuer")
        return key

    def _search(self) -> None:
        """Fetches, or waits for who does, if that may find a key that is not known."""
        fetches = self._fetches
        self._refuse_while_paused()
        if not self._fetching.acquire(timeout=WAIT_S):
            raise KeysUnavailable
        try:
            if self._fetches != fetches:
                return
            self._refuse_while_paused()
            known = self._clock() - self._fetched_at < STALE_S
            if known and not self._take_allowance():
                if self._failed_at > self._fetched_at:
                    raise KeysUnavailable
                return
            if not self._fetch():
                raise KeysUnavailable
        finally:
            self._fetching.release()

    def _refuse_while_paused(self) -> None:
        if self._clock() - self._failed_at < PAUSE_S:
            raise KeysUnavailable

    def _renew(self) -> None:
        """Has the keys fetched anew beside the request, if nobody does so already."""
        if self._clock() - self._failed_at > PAUSE_S and self._fetching.acquire(blocking=False):
            Thread(target=self._fetch_and_release, name="issuer's keys", daemon=True).start()

    def _fetch_and_release(self) -> None:
        try:
            self._fetch()
        finally:
            self._fetching.release()

    def _fetch(self) -> bool:
        """Whether it could."""
        try:
            published = self._client.fetch_data()
            keys = {
                key.key_id: key
                for key in jwt.PyJWKSet.from_dict(published).keys
                if key.key_id
                and key.public_key_use in ("sig", None)
                and key.algorithm_name in self._algorithms
            }
        except Exception as error:  # noqa: BLE001 whatever the issuer answers in place of keys
            self._failed_at = self._clock()
            logger.warning("the issuer's keys could not be fetched: %s", type(error).__name__)
            return False
        if published != self._published:
            self._keys, self._published = keys, published
            self.generation += 1
        self._fetches += 1
        self._fetched_at = self._clock()
        return True

    def _take_allowance(self) -> bool:
        now = self._clock()
        self._allowance = min(ALLOWANCE, self._allowance + (now - self._counted_at) / REFILL_S)
        self._counted_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True
