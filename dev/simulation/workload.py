"""What shoppers and merchants do in a run: drawn by the seed before it begins, so that it can be shrunk."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

PRODUCTS = ("tea", "cup", "pot")
SHOPPERS = ("alice", "bob", "carol")
MERCHANT = "mia"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that somebody does. What it needs to know of the shop, they look up when it is time."""

    number: int
    subject: str
    kind: str
    # A product's or a cart's id; an order has its cart's.
    target: str
    product: str = ""
    quantity: int = 1
    price: int = 0
    currency: str = "EUR"
    # Seconds of thinking before it.
    think_s: float = 0.0
    # With an idempotency key, so that it may be repeated.
    keyed: bool = True
    # Sent so many times more, later, as by a client that forgot.
    again: int = 0
    # Sent at the same time by another device of the same subject.
    twin: bool = False
    # Sent together with the one before, through the batch route.
    joined: bool = False
    # Another request with the same key follows; the same one twice in a batch.
    reused: bool = False
    doubled: bool = False
    # With an amount or a total that is off by so much.
    wrong: int = 0
    # "current" or "stale": If-Match with the version that the view shows, or an older one.
    if_match: str = ""

    def __str__(self) -> str:
        said = {
            "register": f"registers {self.target} at {self.price} {self.currency}",
            "reprice": f"prices {self.target} at {self.price} {self.currency}",
            "receive": f"receives {self.quantity} of {self.target}",
            "discontinue": f"discontinues {self.target}",
            "add": f"adds {self.quantity} of {self.product} to {self.target}",
            "change": f"wants {self.quantity} of {self.product} in {self.target}",
            "remove": f"removes {self.product} from {self.target}",
            "check_out": f"checks {self.target} out",
            "pay": f"pays {self.target}",
            "cancel": f"cancels {self.target}",
            "ship": f"ships {self.target}",
        }[self.kind]
        manner = [
            "without a key" * (not self.keyed),
            f"{self.again} times more" * bool(self.again),
            "from two devices" * self.twin,
            "in the same batch" * self.joined,
            "then something else with its key" * self.reused,
            "twice in one batch" * self.doubled,
            f"by {self.wrong:+d}" * bool(self.wrong),
            f"if the version is the {self.if_match} one" * bool(self.if_match),
        ]
        return " ".join([said, *filter(None, manner)])


@dataclass(slots=True)
class Drawing:
    """Draws the actions of a run."""

    dice: random.Random
    actions: list[Action] = field(default_factory=list)

    def add(self, subject: str, kind: str, target: str, **more: object) -> None:
        """One action more."""
        dice = self.dice
        action = Action(len(self.actions), subject, kind, target, think_s=dice.expovariate(1 / 0.4))
        if dice.random() < 0.25:
            action = replace(action, keyed=False)
        elif dice.random() < 0.3:
            action = replace(action, again=dice.randint(1, 2), twin=dice.random() < 0.5)
        elif dice.random() < 0.15:
            action = replace(action, reused=dice.random() < 0.5, doubled=dice.random() < 0.5)
        if dice.random() < 0.08:
            action = replace(action, if_match=dice.choice(("current", "stale")))
        self.actions.append(replace(action, **more))  # type: ignore[arg-type] # fields of an Action

    def merchant(self, products: tuple[str, ...]) -> None:
        """Fills the shop, then does this and that."""
        dice = self.dice
        for product in products:
            self.add(
                MERCHANT, "register", product, price=dice.randint(1, 9) * 100, currency=self._currency(0.2),
                think_s=0.01,
            )  # fmt: skip # one line a group of fields
            self.add(MERCHANT, "receive", product, quantity=dice.randint(1, 6), think_s=0.01)
        for _ in range(dice.randint(2, 8)):
            product = self._product(products)
            kind = dice.choice(
                ("receive", "receive", "reprice", "ship", "cancel", "discontinue", "discontinue", "register")
            )
            if kind in ("discontinue", "register") and dice.random() < 0.5:
                continue
            target = self._somebodys_cart() if kind in ("ship", "cancel") else product
            self.add(
                MERCHANT, kind, target, quantity=dice.randint(1, 4), price=dice.randint(1, 9) * 100,
                currency=self._currency(0.1), think_s=dice.expovariate(1 / 2),
            )  # fmt: skip # one line a group of fields

    def shopper(self, subject: str, products: tuple[str, ...]) -> None:
        """Fills a few carts, checks out, pays or not."""
        dice = self.dice
        for number in range(dice.randint(1, 3)):
            cart = f"{subject}-{number}"
            if dice.random() < 0.1:
                cart = self._somebodys_cart()
            for place in range(dice.randint(1, 3)):
                joined = place > 0 and dice.random() < 0.3
                product, quantity = self._product(products), self._quantity()
                self.add(subject, "add", cart, product=product, quantity=quantity, joined=joined)
            while dice.random() < 0.3:
                kind = dice.choice(("change", "remove", "remove"))
                self.add(subject, kind, cart, product=dice.choice(products), quantity=self._quantity())
            if dice.random() < 0.08:
                # Starts again: nothing of before is left, the currency neither.
                for product in products:
                    self.add(subject, "remove", cart, product=product)
                self.add(subject, "add", cart, product=dice.choice(products), quantity=self._quantity())
            self.add(subject, "check_out", cart, wrong=self._error(0.08))
            for kind, likely in (("pay", 0.75), ("pay", 0.1), ("cancel", 0.25), ("add", 0.05)):
                if dice.random() < likely:
                    target = self._somebodys_cart() if dice.random() < 0.2 else cart
                    self.add(subject, kind, target, product=dice.choice(products), wrong=self._error(0.1))

    def _product(self, products: tuple[str, ...]) -> str:
        """One of those that are registered, as a rule."""
        return self.dice.choice(PRODUCTS if self.dice.random() < 0.1 else products)

    def _quantity(self) -> int:
        """A few, or about as many as a line may have."""
        return self.dice.randint(995, 999) if self.dice.random() < 0.03 else self.dice.randint(1, 3)

    def _currency(self, other: float) -> str:
        return "USD" if self.dice.random() < other else "EUR"

    def _error(self, likely: float) -> int:
        return self.dice.choice((-1, 1)) if self.dice.random() < likely else 0

    def _somebodys_cart(self) -> str:
        return f"{self.dice.choice(SHOPPERS)}-{self.dice.randint(0, 1)}"


def draw(dice: random.Random) -> list[Action]:
    """The actions of a run: each subject's in order, subjects at the same time."""
    drawing = Drawing(dice)
    products = PRODUCTS[: dice.randint(1, len(PRODUCTS))]
    drawing.merchant(products)
    for subject in SHOPPERS[: dice.randint(1, len(SHOPPERS))]:
        drawing.shopper(subject, products)
    for cart in sorted({action.target for action in drawing.actions if action.kind == "pay"}):
        if dice.random() < 0.5:
            drawing.add(MERCHANT, "ship", cart)
    return drawing.actions


def joined(actions: Sequence[Action]) -> list[list[Action]]:
    """Actions in the batches that they are sent in."""
    batches: list[list[Action]] = []
    for action in actions:
        if action.joined and batches and batches[-1][-1].keyed == action.keyed:
            batches[-1].append(action)
        else:
            batches.append([action])
    return batches
