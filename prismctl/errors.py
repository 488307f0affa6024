"""What ends a command without success. Each is an exit code and a line that says what to do next.

Failed
├── No              1  the answer is no
├── Misused         2  what was asked for makes no sense
├── Unreachable     3  a worker cannot be reached, or gives no usable answer
├── Lost            3  a worker was lost while it answered
├── Unauthorised    4  no operator's token
└── Unfit           5  there is no such thing, or it is not in a state for this
    └── NotFound       there is no such thing
"""


class Failed(Exception):
    """Ends a command. The text is for people; `reason` is the part of it that fits into a table."""

    exit_code = 1

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason or text


class No(Failed):
    """It was done or asked, and the answer is no."""


class Misused(Failed):
    """It was asked for in a way that makes no sense."""

    exit_code = 2


class Unreachable(Failed):
    """A worker, or what it needs, cannot be reached now."""

    exit_code = 3


class Lost(Failed):
    """A worker was lost midway: what it did is done, what it does may go on, so nobody else is asked."""

    exit_code = 3


class Unauthorised(Failed):
    """The worker or the edge wants another token."""

    exit_code = 4


class Unfit(Failed):
    """It is not in a state for this."""

    exit_code = 5


class NotFound(Unfit):
    """There is no such thing."""
