"""The timeline: each step as it is taken, with its time, its answer and what the stream told of it.

Whatever is printed is checked first: CheckFailed ends the journey and says what was expected and seen.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
from rich.console import Console
from rich.text import Text

from dev.demo.sse import Stream, Update

T = TypeVar("T")
PATIENCE_S = 15.0
TITLE, ANSWER = 56, 28


class CheckFailed(Exception):
    """Something is not as it must be."""


class Timeline:
    """Prints and checks."""

    def __init__(self, console: Console) -> None:
        # From sending a request to the end of reading an update that it led to.
        self.delays_s: list[float] = []
        self._console = console
        self._began_at = time.monotonic()
        self._streams: list[Stream] = []
        self._taken: set[str] = set()

    def cut(self) -> str:
        """Cuts the stream that is followed, if any. Answers the id to come back with."""
        if not self._streams:
            return ""
        self._streams[-1].close()
        return self._streams[-1].last_id

    @property
    def updates(self) -> list[Update]:
        """All that the streams told, in the order in which it came."""
        return [update for stream in self._streams for update in stream.updates]

    def step(
        self,
        title: str,
        request: Callable[[], httpx.Response],
        expected: int,
        /,
        says: str = "",
        **wanted: object,
    ) -> "Step":
        """Sends a request, checks the answer's status and members, and prints both."""
        sent_at = time.monotonic()
        answer = request()
        took_s = time.monotonic() - sent_at
        self.check(f"{title}: the answer's status", answer.status_code, expected)
        for name, value in wanted.items():
            self.check(f"{title}: the answer's `{name}`", answer.json().get(name), value)
        said = says or " ".join(str(value) for value in wanted.values() if isinstance(value, str))
        self._step_line(sent_at, title, f"{expected} {said}", took_s)
        return Step(self, sent_at, answer)

    def follow(self, title: str, connect: Callable[[], Stream]) -> "Step":
        """Opens the stream that is followed from now on."""
        sent_at = time.monotonic()
        self._streams.append(connect())
        self._step_line(sent_at, title, "200 stream open", time.monotonic() - sent_at)
        return Step(self, sent_at, None)

    def fact(self, what: str, seen: object = True, expected: object = True) -> None:
        """Checks something, and prints it."""
        self.check(what, seen, expected)
        self._print((" " * 9, ""), (f"{self._mark('✓', '=')} {what}", "dim"))

    def check(self, what: str, seen: object, expected: object) -> None:
        """Raises CheckFailed unless the two are equal."""
        if seen != expected:
            raise CheckFailed(f"{what}\n  expected  {expected}\n  seen      {seen}")

    def await_update(self, says: str, topic: str, wanted: dict[str, object]) -> Update:
        """The first update of a topic with these values that was not taken yet."""

        def fits(update: Update) -> bool:
            same = all(update.data.get(name) == value for name, value in wanted.items())
            return update.topic == topic and update.id not in self._taken and same

        stream = self._streams[-1]
        update = stream.wait_for(fits, PATIENCE_S)
        if update is None:
            latest = [(each.topic, each.data) for each in stream.updates[-3:]]
            raise CheckFailed(f"on {topic}: {says}\n  expected  {wanted}\n  seen last {latest}")
        self._taken.add(update.id)
        return update

    def news(self, topic: str, says: str, delay_s: float) -> None:
        """Prints what the stream told."""
        told = f"{self._mark('⇠', '<')} {topic:<10}{says}"
        self._print((" " * 9, ""), (f"{told:{TITLE + ANSWER - 1}}{_ms(delay_s, '+'):>8}", "cyan"))

    def _step_line(self, at: float, title: str, answer: str, took_s: float) -> None:
        self._print(
            (f"{at - self._began_at:6.2f}  ", "dim"),
            (f"{title:{TITLE}}", "bold"),
            (f"{answer:{ANSWER}}", "yellow" if answer.startswith("4") else "green"),
            (f"{_ms(took_s):>8}", ""),
        )

    def _mark(self, mark: str, plain: str) -> str:
        return mark if self._console.encoding.startswith("utf") else plain

    def _print(self, *parts: tuple[str, str]) -> None:
        self._console.print(Text.assemble(*parts), soft_wrap=True)


class Step:
    """A step that was taken: its answer, and when it was sent."""

    def __init__(self, timeline: Timeline, sent_at: float, answer: httpx.Response | None) -> None:
        self._timeline = timeline
        self._sent_at = sent_at
        self._answer = answer

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        assert self._answer is not None
        document: dict[str, Any] = self._answer.json()
        return document

    def header(self, name: str) -> str:
        """A header of the answer; empty if it has none such."""
        assert self._answer is not None
        return str(self._answer.headers.get(name, ""))

    def told(self, says: str, topic: str, **wanted: object) -> Update:
        """Waits for the update of a topic whose data has these values; prints how long after the step."""
        update = self._timeline.await_update(says, topic, wanted)
        delay_s = update.at - self._sent_at
        self._timeline.delays_s.append(delay_s)
        self._timeline.news(topic, says, delay_s)
        return update


def _ms(seconds: float, sign: str = "") -> str:
    return f"{sign}{seconds * 1000:.0f} ms"
