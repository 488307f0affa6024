"""gunicorn's log, sent where everything else is logged."""

import logging
from typing import Any

from gunicorn import glogging  # type: ignore[import-untyped] # gunicorn ships no types


class GunicornLogger(glogging.Logger):  # type: ignore[misc] # the same
    """gunicorn's `logger_class`: its messages go to the root logger, which kernel.telemetry.log has set up."""

    def setup(self, cfg: Any) -> None:  # noqa: ANN401 # gunicorn's Config
        """Takes the place of handlers and formats of its own."""
        self.cfg = cfg
        self.loglevel = self.LOG_LEVELS[cfg.loglevel]
        self.error_log.setLevel(self.loglevel)
        self.error_log.propagate = True
        if is_worth_logging not in self.error_log.filters:
            self.error_log.addFilter(is_worth_logging)

    def access(self, *_: object) -> None:
        """Logs no requests: their addresses name people. Metrics count them."""


def is_worth_logging(record: logging.LogRecord) -> bool:
    """All but the stalled clients' timeouts, which gunicorn takes for errors of its own.

    What a client sent, and from where, is taken out of the others.
    """
    for said in ("Error handling request", "Invalid request"):
        if str(record.msg).startswith(said):
            record.msg, record.args = said, ()
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
