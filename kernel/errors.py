"""Every error of Prism, by who reacts to it.

PrismError
├── Rejected             told to the sender: the command broke a rule; nothing happened
├── Poison               set aside as a dead letter: no repeat can help
├── UnknownType          left in its queue for a newer replica; a dead letter after a day
├── StorageUnavailable   tried again: storage is out of reach or refuses for now; costs time, never data
│   └── EffectUnknown    the same, but nobody knows whether the write took effect: whoever asked is told so
└── ConfigurationError   told to the operator at start: a setting is missing or wrong

A conflict (someone else appended first) is no error: the store answers it as a value.
Anything else is a defect of ours; its message is redelivered, and after a few deliveries a dead letter.
"""


class PrismError(Exception):
    """The root of the tree."""


class Rejected(PrismError):
    """A command broke a rule of the domain. `code` is stable; `detail` is a sentence for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class Poison(PrismError):
    """A message that can never be handled; the text says why."""


class UnknownType(PrismError):
    """A message of a type that this replica does not know, and a newer one may; the text says where."""

    def __init__(self, type_: str, detail: str) -> None:
        super().__init__(detail)
        self.type = type_


class StorageUnavailable(PrismError):
    """Storage did not do what it was asked, and may do it later. A write may have taken effect."""


class EffectUnknown(StorageUnavailable):
    """A write was not answered, or failed in the middle: it may have taken effect, in part or as a whole."""


class ConfigurationError(PrismError):
    """A setting is missing or wrong; the text names the variable and says what it takes."""
