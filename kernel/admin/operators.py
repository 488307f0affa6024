"""Operators: every call needs one's token and is logged, but for those of the few services that are open.

A service that nobody lists here is an operator's: forgetting one closes it.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from kernel.errors import Poison, StorageUnavailable
from kernel.issuer import KeysUnavailable
from kernel.telemetry.log import fields
from kernel.telemetry.metrics import ADMIN_CALLS, bound
from kernel.tokens import InvalidToken, NoToken, Tokens, caller_of

# Asked by programs that have no token. With PRISM_GRPC_CA, by those alone that have a certificate.
OPEN_SERVICES = frozenset(
    {
        # Probes, and the edge's /readyz.
        "grpc.health.v1.Health",
        # What services there are; nothing of what they hold.
        "grpc.reflection.v1alpha.ServerReflection",
        # Wakes a consumer, which then finds what its queue has.
        "prism.mesh.v1.Doorbell",
        # The edge asks, and answers a command's own sender alone.
        "prism.mesh.v1.Outcomes",
    }
)
GUARDED = "/prism.admin.v1."
OPERATOR = "operator"
# Of a request, in the log.
MAX_LOGGED_CHARS = 500

logger = logging.getLogger(__name__)
_calls = bound(ADMIN_CALLS)
_subject: ContextVar[str] = ContextVar("operator")


def subject() -> str:
    """Whoever makes the call that this code serves."""
    return _subject.get()


class Guard(grpc.ServerInterceptor):
    """Lets none but operators call what is not open, and keeps an audit log of their calls.

    UNAUTHENTICATED without a valid token, PERMISSION_DENIED for another role, UNAVAILABLE where storage, or
    the keys of the token's issuer, are out of reach, DATA_LOSS for stored bytes that cannot be read. Calls of open services pass untouched.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Any],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:  # noqa: ANN401 # a handler of any types of messages
        """Wraps the method that is called."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        # /<service>/<method>
        if handler is None or method.split("/")[1] in OPEN_SERVICES:
            return handler
        assert not handler.request_streaming, f"{method}: the admin plane takes one request a call"
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._guarded_stream(method, handler.unary_stream),
                handler.request_deserializer,
                handler.response_serializer,
            )
        return grpc.unary_unary_rpc_method_handler(
            self._guarded(method, handler.unary_unary),
            handler.request_deserializer,
            handler.response_serializer,
        )

    def _guarded(self, method: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(request: Message, context: grpc.ServicerContext) -> Any:  # noqa: ANN401 # the method's own type
            with self._admitted(method, request, context):
                return call(request, context)

        return guarded

    def _guarded_stream(self, method: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(request: Message, context: grpc.ServicerContext) -> Iterator[Any]:
            with self._admitted(method, request, context):
                yield from call(request, context)

        return guarded

    @contextmanager
    def _admitted(self, method: str, request: Message, context: grpc.ServicerContext) -> Iterator[None]:
        name = method.removeprefix(GUARDED)
        try:
            who = self._operator(context)
            asked = json_format.MessageToJson(request, indent=None)[:MAX_LOGGED_CHARS]
            logger.info("called", extra=fields(method=name, operator=who, request=asked))
            _subject.set(who)
            try:
                yield
            except StorageUnavailable as error:
                context.abort(grpc.StatusCode.UNAVAILABLE, f"storage is out of reach: {error}")
            except Poison as error:
                context.abort(grpc.StatusCode.DATA_LOSS, str(error))
        except BaseException:
            _calls(name, _code_of(context, grpc.StatusCode.UNKNOWN)).inc()
            raise
        _calls(name, _code_of(context, grpc.StatusCode.OK)).inc()

    def _operator(self, context: grpc.ServicerContext) -> str:
        metadata = {str(key): str(value) for key, value in context.invocation_metadata()}
        try:
            caller = caller_of(metadata.get("authorization", ""), self._tokens)
        except NoToken:
            missing = "the metadata `authorization: Bearer <token>` is missing"
            context.abort(grpc.StatusCode.UNAUTHENTICATED, missing)
        except InvalidToken as error:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
        except KeysUnavailable:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the keys of the token's issuer are out of reach")
        if OPERATOR not in caller.roles:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "the role `operator` is needed")
        return caller.subject


def _code_of(context: grpc.ServicerContext, unset: grpc.StatusCode) -> str:
    """The code that a call ends with; `unset` where nobody has set one."""
    code = context.code() or unset  # type: ignore[attr-defined] # of grpc's own context; its stubs leave it out
    return str(code.name)
