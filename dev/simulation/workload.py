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
    # With a wrong amount, a wrong total.
    wrong: bool = False
    # "current" or "stale": If-Match with the version that the view shows, or an older one.
    if_match: str = ""

    def __str__(self) -> str:
        said = {
            "register": f"registers {self.target} at {self.price}",
            "reprice": f"prices {self.target} at {self.price}",
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
            "by a wrong amount" * self.wrong,
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
        if dice.random() < 0.05:
            action = replace(action, if_match=dice.choice(("current", "stale")))
        self.actions.append(replace(action, **more))  # type: ignore[arg-type] # fields of an Action

    def merchant(self, products: tuple[str, ...]) -> None:
        """Fills the shop, then does this and that."""
        dice = self.dice
        for product in products:
            self.add(MERCHANT, "register", product, price=dice.randint(1, 9) * 100, think_s=0.01)
            self.add(MERCHANT, "receive", product, quantity=dice.randint(1, 6), think_s=0.01)
        for _ in range(dice.randint(2, 8)):
            product = dice.choice(products)
            kind = dice.choice(
                ("receive", "receive", "reprice", "ship", "ship", "ship", "cancel", "discontinue")
            )
            if kind == "discontinue" and dice.random() < 0.7:
                continue
            target = self._somebodys_cart() if kind in ("ship", "cancel") else product
            self.add(
                MERCHANT, kind, target, quantity=dice.randint(1, 4), price=dice.randint(1, 9) * 100,
                think_s=dice.expovariate(1 / 2),
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
                self.add(
                    subject,
                    "add",
                    cart,
                    product=dice.choice(products),
                    quantity=dice.randint(1, 3),
                    joined=joined,
                )
            if dice.random() < 0.3:
                kind = dice.choice(("change", "remove"))
                self.add(subject, kind, cart, product=dice.choice(products), quantity=dice.randint(1, 3))
            self.add(subject, "check_out", cart, wrong=dice.random() < 0.05)
            for kind, likely in (("pay", 0.75), ("pay", 0.1), ("cancel", 0.25)):
                if dice.random() < likely:
                    self.add(subject, kind, cart, wrong=dice.random() < 0.1)

    def _somebodys_cart(self) -> str:
        return f"{self.dice.choice(SHOPPERS)}-{self.dice.randint(0, 1)}"


def draw(dice: random.Random) -> list[Action]:
    """The actions of a run: each subject's in order, subjects at the same time."""
    drawing = Drawing(dice)
    products = PRODUCTS[: dice.randint(1, len(PRODUCTS))]
    drawing.merchant(products)
    for subject in SHOPPERS[: dice.randint(1, len(SHOPPERS))]:
        drawing.shopper(subject, products)
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
