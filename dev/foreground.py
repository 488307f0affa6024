"""A stack in the foreground of a terminal: started, announced, watched, stopped."""

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from dev.folder import FolderInUse
from dev.plan import PORTS, PortTaken, is_setting
from dev.ports import NoFreePorts
from dev.redis import NoRedis
from dev.stack import Stack, StackFailed
from dev.supervisor import SupervisorFailed
from kernel import settings
from kernel.errors import ConfigurationError

WATCH_EVERY_S = 2.0

READY = """
Prism is ready.

  REST    {stack.edge_url}    docs: {stack.edge_url}/docs
  SSE     {stack.stream_url}
  gRPC    domain_svc {stack.domain_grpc}, projector_svc {stack.projector_grpc}, stream_svc {stack.stream_grpc}
  metrics {stack.edge_url}/metrics, {stack.stream_url}/metrics,
          {stack.domain_metrics_url}, {stack.projector_metrics_url}
  data    {stack.data_dir}
  logs    {stack.log_dir}
"""
TRY = """
Three commands to try, in another terminal:

# Register a product.
TOKEN=$(curl -s {stack.edge_url}/v1/dev/tokens -H 'Content-Type: application/json' \\
  -d '{{"subject": "alice", "roles": ["merchant", "shopper"]}}' | cut -d '"' -f 4)
curl -i {stack.edge_url}/v1/products -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -H 'Prefer: wait=5' \\
  -d '{{"productId": "mug", "name": "Mug", "price": {{"currency": "EUR", "minorUnits": "1250"}}}}'

# Follow what happens to a cart, in the background (`kill %%` ends it).
curl -sN '{stack.stream_url}/v1/stream?topic=cart/c1&topic=commands' -H "Authorization: Bearer $TOKEN" & sleep 1

# Put a mug into it, and wait for the outcome.
curl -i {stack.edge_url}/v1/carts/c1/items -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \\
  -H 'Prefer: wait=5' -d '{{"productId": "mug", "quantity": 1}}'

Ctrl-C stops everything."""


def serve() -> int:
    """Runs the stack until it is interrupted, which is passed on once everything has been stopped.

    The exit status, 1, when it could not start or go on; it then has said why.
    """
    stack = None
    try:
        stack = configured_stack()
        stack.start()
        tell(READY.format(stack=stack) + TRY.format(stack=stack))
        watch(stack)
        print(f"The supervisor has ended: see {stack.log_dir}/supervisord.log", file=sys.stderr)
    except (StackFailed, FolderInUse, PortTaken, NoFreePorts, NoRedis, ConfigurationError) as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        tell("\nStopping")
        raise
    finally:
        if stack is not None:
            stack.stop()
    return 1


def configured_stack() -> Stack:
    """The stack that the environment asks for. ConfigurationError names a variable that is wrong."""
    env = {name: value for name, value in os.environ.items() if is_setting(name)}
    chosen = settings.load(env)
    env |= {name: str(getattr(chosen, name.lower())) for name in PORTS}
    return Stack(chosen.prism_storage, Path(chosen.prism_data_dir), env, say=tell)


def watch(stack: Stack) -> None:
    """Returns when the supervisor has ended; says when a program was started again."""
    with suppress(SupervisorFailed):
        before = stack.states()
        while stack.alive():
            time.sleep(WATCH_EVERY_S)
            states = stack.states()
            for name, state in states.items():
                if state.started_at != before[name].started_at:
                    tell(f"{name} ended and was started again: see {stack.log_dir / name}.log")
            before = states


def tell(line: str) -> None:
    """Prints a line at once. A terminal that was closed, or a pipe nobody reads, stops nothing."""
    try:
        print(line, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
