"""One engine under faults: a shop opens, things break, all comes to rest, and is held to the promises."""

import random
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dev import azurite, promises
from dev.demo.client import connect, meet
from dev.faults import breakages, rest
from dev.faults.audience import Audience
from dev.faults.breakages import Breakage, Site
from dev.faults.clocks import Clocks
from dev.faults.people import Ledger, Round
from dev.faults.proxy import Proxy, proxied
from dev.promises.history import Broken
from dev.stack import StackFailed, running
from dev.supervisor import SupervisorFailed
from kernel import settings
from kernel.storage import open_storage

# Shops that are open at once.
ROUNDS = 8
PAYMENT_WINDOW_S = 6.0
# What clocks may be apart that do not jump: Azure's queues count whole seconds.
CLOCKS_APART_S = 1.0
# Between two breakages.
PAUSE_S = (0.2, 3.0)
# One screen for every so many shoppers: each is a thread here.
SCREENS = 0.5
MAX_SCREENS = 60
SAMPLE = 300
KEPT = Path("build/faults")


@dataclass(frozen=True, slots=True)
class Behind:
    """The storage of a stack: as the services reach it, and as the checks do."""

    storage: str
    direct: str
    proxies: Sequence[Proxy] = ()


EMBEDDED = Behind("embedded", "embedded")


@dataclass(slots=True)
class Verdict:
    """What came of a campaign."""

    engine: str
    seed: int
    seconds: float
    # What went wrong, how often; and what the proxies did to requests.
    injected: Counter[str] = field(default_factory=Counter)
    troubled_requests: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    given_up: int = 0
    screens: int = 0
    resets: int = 0
    events: int = 0
    rested_s: float = 0.0
    wrong: list[Broken] = field(default_factory=list)
    # Where the services' logs are, of a campaign that broke a promise.
    logs: Path | None = None

    def count(self, *promises: str) -> int:
        """How often these promises were broken."""
        return sum(broken.promise in promises for broken in self.wrong)


def run(engine: str, seed: int, seconds: float, only: Sequence[str], say: Callable[[str], None]) -> Verdict:
    """Runs a campaign on `embedded` or `azurite`. StackFailed when the stack does not start, or stays down."""
    dice = random.Random(f"{seed}/{engine}")  # noqa: S311 # chance, not a secret
    verdict = Verdict(engine, seed, seconds)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prism-faults-")))
        clocks = Clocks(home)
        behind = stack.enter_context(_proxied_azurite(home, seed)) if engine == "azurite" else EMBEDDED
        env = {"PRISM_PAYMENT_WINDOW": f"{PAYMENT_WINDOW_S:g}"}
        prism = stack.enter_context(
            running(behind.storage, home / "data", env, domain_replicas=2, service_env=clocks.service_env)
        )
        data = prism.data_dir if engine == "embedded" else None
        # The checks read past the proxies.
        direct = {"PRISM_STORAGE": behind.direct}
        opened = open_storage(settings.load(prism.env | direct))
        try:
            _drive(Site(prism, dice, clocks, behind.proxies, data), verdict, rest.Stored(opened), only, say)
        finally:
            opened.close()
        for proxy in behind.proxies:
            verdict.troubled_requests.update(proxy.injected)
        if verdict.wrong:
            verdict.logs = KEPT / f"{engine}-{seed}"
            shutil.copytree(prism.log_dir, verdict.logs, dirs_exist_ok=True)
    return verdict


def _drive(
    site: Site, verdict: Verdict, stored: rest.Stored, only: Sequence[str], say: Callable[[str], None]
) -> None:
    prism, ledger = site.stack, Ledger()
    audience = Audience(stored.for_screens)
    rounds: list[Round] = []
    try:
        with connect(prism.edge_url) as http:
            operator = meet(http, prism.stream_url, "oscar", "operator")
            audience.follow(operator, ("activity",))
            with _shopping(site, ledger, audience, rounds):
                _break_things(site, verdict, only, say)
            say("waiting for rest")
            prism.wait_ready()
            began_at = time.monotonic()
            rested = rest.wait_for_rest(stored, audience)
            verdict.rested_s = time.monotonic() - began_at
            if not rested:
                verdict.wrong.append(Broken("the shop comes to rest", f"{stored.waiting()} wait"))
            say("checking the promises")
            _judge(site, verdict, ledger, stored, audience)
    finally:
        audience.close()
        for each in rounds:
            each.close()


@contextmanager
def _shopping(site: Site, ledger: Ledger, audience: Audience, rounds: list[Round]) -> Iterator[None]:
    """People shop while the block runs, and finish what they are doing."""
    over: list[bool] = []

    def open_more() -> None:
        while not over:
            try:
                if sum(not each.over for each in rounds) < ROUNDS:
                    rounds.append(_opened(site, ledger, audience, len(rounds)))
            except Exception as error:  # noqa: BLE001 # who cannot come in now comes later
                ledger.answers[f"not opened: {type(error).__name__}"] += 1
            time.sleep(0.1)

    thread = threading.Thread(target=open_more, name="opening")
    thread.start()
    try:
        yield
    finally:
        over.append(True)
        thread.join()
        for each in rounds:
            each.end()


def _opened(site: Site, ledger: Ledger, audience: Audience, number: int) -> Round:
    prism, dice = site.stack, random.Random(f"{number}/{site.dice.random()}")  # noqa: S311 # chance
    opened = Round(number, prism.edge_url, prism.stream_url, ledger, dice)
    for subject, person in opened.people.items():
        if dice.random() < SCREENS and len(audience.screens) < MAX_SCREENS:
            audience.follow(person, opened.topics_of(subject))
    opened.start()
    return opened


def _break_things(site: Site, verdict: Verdict, only: Sequence[str], say: Callable[[str], None]) -> None:
    """One breakage after the other, two at once now and then, until the time is up."""
    choices = {
        breakage: weight
        for breakage, weight in breakages.breakages(site).items()
        if not only or breakage.__name__ in only
    }
    ends_at = time.monotonic() + verdict.seconds
    while time.monotonic() < ends_at:
        time.sleep(site.dice.uniform(*PAUSE_S))
        together = site.dice.choices(list(choices), list(choices.values()), k=site.dice.choice((1, 1, 2)))
        threads = [
            threading.Thread(target=_break, args=(site, verdict, breakage, say)) for breakage in set(together)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _break(site: Site, verdict: Verdict, breakage: Breakage, say: Callable[[str], None]) -> None:
    name = breakage.__name__
    say(name.replace("_", " "))
    verdict.injected[name] += 1
    try:
        breakage(site)
    except (StackFailed, SupervisorFailed, AssertionError) as error:
        verdict.wrong.append(Broken("the stack comes back", f"{name}: {error}"))


def _judge(site: Site, verdict: Verdict, ledger: Ledger, stored: rest.Stored, audience: Audience) -> None:
    # From one clock ahead to another one that is behind.
    jumped_s = 2 * breakages.jumps_s(site) if verdict.injected[breakages.clock_jumped.__name__] else 0
    history = rest.history_of(stored, ledger, audience, PAYMENT_WINDOW_S, CLOCKS_APART_S + jumped_s)
    verdict.wrong += rest.told_wrongly(ledger, stored)
    verdict.wrong += promises.broken(history)
    sample = site.dice.sample(range(len(ledger.repeatable)), min(SAMPLE, len(ledger.repeatable)))
    known = [place for place in sample if ledger.repeatable[place][2] in history.outcomes]
    half = len(known) // 2
    verdict.wrong += rest.asked_again(history, ledger, known[:half])
    # The same without what Redis remembers.
    breakages.redis_flushed(site)
    verdict.wrong += rest.asked_again(history, ledger, known[half:])
    if not rest.wait_for_rest(stored, audience):
        verdict.wrong.append(Broken("the shop comes to rest", "not after the repeats"))
    verdict.wrong += rest.changed_since(history.commits, stored.commits())
    verdict.answers = ledger.answers
    verdict.accepted = len(ledger.accepted)
    verdict.given_up = len(ledger.given_up)
    verdict.screens = len(audience.screens)
    verdict.resets = sum(screen.resets for screen in audience.screens)
    verdict.events = sum(map(len, history.events.values()))


@contextmanager
def _proxied_azurite(home: Path, seed: int) -> Iterator[Behind]:
    """An Azurite behind proxies."""
    folder = home / "azurite"
    folder.mkdir()
    with azurite.serving(folder) as (queue, table):
        first, second = azurite.free_ports(2)
        with proxied(first, queue, seed) as queues, proxied(second, table, seed + 1) as tables:
            direct = azurite.connection_string(queue, table)
            yield Behind(azurite.connection_string(first, second), direct, [queues, tables])
