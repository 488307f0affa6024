"""People of the shop, over HTTP as any front-end does it: what is sent and answered is plain JSON."""

from dataclasses import dataclass

import httpx

from dev.demo.sse import Stream

# Longer than the longest `Prefer: wait`.
TIMEOUT_S = 35.0


@dataclass(frozen=True)
class Person:
    """Someone with a token. Every method is one request; an error is an answer like any other."""

    http: httpx.Client
    stream_url: str
    subject: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What tells who asks."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def get(self, path: str, *, if_none_match: str = "", **parameters: str | int) -> httpx.Response:
        """A query."""
        headers = self.headers | ({"If-None-Match": if_none_match} if if_none_match else {})
        return self.http.get(path, params=parameters, headers=headers)

    def send(
        self,
        verb: str,
        path: str,
        body: object = None,
        *,
        wait_s: int = 0,
        key: str = "",
        if_match: int | None = None,
    ) -> httpx.Response:
        """A command. `wait_s` asks to wait for its outcome; `key` makes a repeat of it harmless."""
        headers = self.headers
        if wait_s:
            headers["Prefer"] = f"wait={wait_s}"
        if key:
            headers["Idempotency-Key"] = key
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        return self.http.request(verb, path, json=body, headers=headers)

    def follow(self, *topics: str, after: str = "", resume: bool = False) -> Stream:
        """Opens a stream. See `Stream`."""
        return Stream(f"{self.stream_url}/v1/stream", self.headers, topics, after, resume)


def connect(edge_url: str) -> httpx.Client:
    """Connections to an edge, for any number of people and threads."""
    return httpx.Client(
        base_url=edge_url,
        timeout=TIMEOUT_S,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=None),
        trust_env=False,
        verify=False,  # noqa: S501 # plain HTTP has no certificates, and loading them takes its time
    )


def meet(http: httpx.Client, stream_url: str, subject: str, *roles: str) -> Person:
    """Someone with a token of the development stack. httpx.HTTPStatusError when none is given."""
    answer = http.post("/v1/dev/tokens", json={"subject": subject, "roles": list(roles)})
    answer.raise_for_status()
    return Person(http, stream_url, subject, answer.json()["token"])
