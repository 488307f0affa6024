"""One run: a shop with its clients under its faults, to its rest, and what is wrong then."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from dev.promises.history import Broken
from dev.simulation import checks, faults, past, processes, workload
from dev.simulation.clients import Client, Ledger
from dev.simulation.faults import Fault, Faults, Injected, Place, Spell, Weather
from dev.simulation.network import Entry, Network
from dev.simulation.patching import patched
from dev.simulation.processes import Site
from dev.simulation.redis import SimulatedRedis
from dev.simulation.storage import SimulatedStorage
from dev.simulation.watchers import Watcher
from dev.simulation.workload import SHOPPERS, Action
from dev.simulation.world import EPOCH_S, Process, Stuck, World
from kernel.settings import Settings

# A run makes about 1,000 steps; one that makes so many goes round in circles.
MAX_STEPS = 30_000
# How long, in simulated seconds, all may take to come to rest once the faults have ended.
MAX_REST_S = 2 * 3600.0


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run is made of. A seed makes one; shrinking leaves parts of it out."""

    seed: int
    actions: Sequence[Action]
    spells: Sequence[Spell]
    rates: Mapping[Fault, float]
    faults_last_s: float
    payment_window_s: float
    domains: int
    projectors: int
    streams: int
    # The only domain_svc trusts what it holds.
    exclusive: bool
    # Clients come by the edge's routes.
    http: bool = False
    # Injects exactly these faults into calls, instead of drawing them by their rates.
    script: Mapping[Place, Fault] | None = None


@dataclass(slots=True)
class Result:
    """What came of a run."""

    plan: Plan
    # Empty for a run that kept every promise.
    wrong: list[Broken]
    injected: list[Injected]
    accepted: int
    refused: int
    calls: int
    lasted_s: float
    history: list[Entry] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """Whether a promise was broken."""
        return bool(self.wrong)

    def digest(self) -> str:
        """Differs when anything in the history does."""
        return sha256(repr(self.history).encode()).hexdigest()


def plan_of(seed: int) -> Plan:
    """The plan that a seed makes."""
    dice = random.Random(f"{seed}/plan")  # noqa: S311 # chance, not a secret
    exclusive = dice.random() < 0.15
    lasts_s = dice.choice((5.0, 30.0, 120.0))
    return Plan(
        seed=seed,
        actions=workload.draw(dice),
        spells=faults.draw_weather(dice, lasts_s),
        rates=faults.draw_rates(dice),
        faults_last_s=lasts_s,
        payment_window_s=dice.choice((2.0, 10.0, 60.0, 900.0)),
        domains=1 if exclusive else dice.choice((1, 2, 2, 3)),
        projectors=dice.choice((1, 2, 2, 3)),
        streams=dice.choice((1, 2)),
        exclusive=exclusive,
        http=dice.random() < 0.3,
    )


def run(plan: Plan, *, history: bool = False) -> Result:
    """Runs a plan to its verdict. The same plan gives the same result."""
    world = World(str(plan.seed))
    injected = Faults(world.seed, plan.rates, plan.script)
    lines: list[Entry] | None = [] if history else None
    to_storage, to_redis = Network(world, injected, lines), Network(world, injected, lines)
    told: list[Callable[[bytes], None]] = []
    server = SimulatedRedis(to_redis, lambda entry: told[0](entry))
    settings = Settings(
        prism_payment_window=plan.payment_window_s,
        prism_doorbell=False,
        prism_domain_exclusive=plan.exclusive,
    )
    site = Site(world, to_storage, SimulatedStorage(to_storage), server, settings, http=plan.http)
    announcements = checks.Announcements(site)
    told.append(announcements)
    ledger = Ledger()
    with patched(world, server, world.dice("sizes")):
        try:
            watchers = _start(plan, site, to_redis, ledger)
            wrong = _verdict(plan, site, [to_storage, to_redis], ledger, watchers, announcements)
        finally:
            world.close()
    return Result(
        plan=plan,
        wrong=wrong,
        injected=injected.injected,
        accepted=len(ledger.accepted),
        refused=ledger.refused,
        calls=to_storage.calls + to_redis.calls,
        lasted_s=world.now - EPOCH_S,
        history=lines or [],
    )


def _start(plan: Plan, site: Site, to_redis: Network, ledger: Ledger) -> list[Watcher]:
    past.remember(site, site.world.dice("past"))
    processes.start(site, plan.domains, plan.projectors, plan.streams)
    carts = tuple(
        sorted({f"cart/{action.target}" for action in plan.actions if action.kind in ("add", "check_out")})
    )
    watchers = [
        Watcher(site, subject, ("products", "orders", "commands", *carts))
        for subject in SHOPPERS
        if any(action.subject == subject for action in plan.actions)
    ]
    watchers.append(Watcher(site, "oscar", ("activity",)))
    for subject in sorted({action.subject for action in plan.actions}):
        Client(site, ledger, subject, [action for action in plan.actions if action.subject == subject])
    for number, spell in enumerate(plan.spells):
        _cast(number, spell, site, to_redis)
    return watchers


def _cast(number: int, spell: Spell, site: Site, to_redis: Network) -> None:
    """An actor that makes a spell of weather begin and end."""
    world = site.world

    def life() -> None:
        world.sleep(spell.after_s)
        if not site.network.faults.active:
            return
        site.network.note(f"{spell.kind}, for {spell.lasts_s:g} s", "weather")
        if spell.kind in (Weather.REDIS_GONE, Weather.REDIS_RESTARTED, Weather.REDIS_OUTLIVES):
            to_redis.gone.add(number)
            world.sleep(spell.lasts_s)
            if spell.kind is Weather.REDIS_RESTARTED:
                site.redis.flush()
            if spell.kind is Weather.REDIS_OUTLIVES:
                for process in site.workers:
                    if process.name.startswith("projector"):
                        world.kill(process)
            to_redis.gone.discard(number)
        elif spell.kind is Weather.REDIS_FLUSHED:
            site.redis.flush()
        elif spell.kind is Weather.STORAGE_GONE:
            site.network.gone.add(number)
            world.sleep(spell.lasts_s)
            site.network.gone.discard(number)
        elif spell.kind in (Weather.PAUSED, Weather.READER_PAUSED):
            those = site.consumers if spell.kind is Weather.PAUSED else site.readers
            actor = those[int(spell.luck * len(those))]
            actor.paused_until = world.now + spell.lasts_s
            site.network.note(f"{actor.name} is paused", "weather")
        else:
            process = site.workers[int(spell.luck * len(site.workers))]
            site.network.note(f"{process.name} is killed", "weather")
            world.kill(process)

    world.start(f"weather-{number}", Process("weather"), life)


def _verdict(
    plan: Plan,
    site: Site,
    networks: list[Network],
    ledger: Ledger,
    watchers: list[Watcher],
    announcements: checks.Announcements,
) -> list[Broken]:
    world = site.world
    try:
        world.rest(until=EPOCH_S + plan.faults_last_s, max_steps=MAX_STEPS)
        site.network.faults.active = False
        for network in networks:
            network.gone.clear()
        site.redis.wake_readers()
        world.rest(max_steps=MAX_STEPS)
        for watcher in watchers:
            watcher.catch_up()
        world.rest(max_steps=MAX_STEPS)
    except Stuck as stuck:
        return [Broken("the shop comes to rest", str(stuck))]
    if world.now > EPOCH_S + plan.faults_last_s + plan.payment_window_s + MAX_REST_S:
        return [Broken("the shop comes to rest", f"only after {world.now - EPOCH_S:.0f} s")]
    # Announcements were made until now.
    told = [Broken("what is told is stored and shown", problem) for problem in announcements.problems]
    return told + checks.broken_promises(site, ledger, watchers)
