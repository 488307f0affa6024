"""Commands and events as the admin plane shows them, whatever is in them."""

import msgspec
from google.protobuf.message import DecodeError

from kernel.contract import Contract
from kernel.encoding import to_document
from prism.admin.v1.decoded_pb2 import Decoded
from prism.envelope.v1.envelope_pb2 import Envelope


def decoded(envelope: Envelope, contract: Contract) -> Decoded:
    """A command or an event, opened by the type that its envelope names.

    Never raises: a type that no contract knows, and bytes that do not decode, are told as the problem.
    """
    shown = Decoded(envelope=envelope)
    known = contract.events.get(envelope.type) or contract.commands.get(envelope.type)
    if known is None:
        shown.problem = f"no contract knows the type {envelope.type!r}"
        return shown
    try:
        shown.json = msgspec.json.encode(to_document(known.message.FromString(envelope.data))).decode()
    except DecodeError:
        shown.problem = f"the data does not decode as {envelope.type}"
    except Exception as error:  # noqa: BLE001 # what cannot be shown must not keep the rest from being shown
        shown.problem = f"{type(error).__name__}: {error}"
    return shown
