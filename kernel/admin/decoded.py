"""Opens commands and events for people to read."""

import json

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from kernel.contract import Contract
from kernel.encoding import to_document
from prism.admin.v1.decoded_pb2 import Decoded
from prism.envelope.v1.envelope_pb2 import Envelope


def decoded(envelope: Envelope, contract: Contract) -> Decoded:
    """The envelope with its data as JSON, read as the type that it names; or why that cannot be."""
    known = contract.commands.get(envelope.type) or contract.events.get(envelope.type)
    if known is None:
        return Decoded(envelope=envelope, problem=f"no contract here knows the type {envelope.type!r}")
    try:
        document = to_document(known.message.FromString(envelope.data))
    except DecodeError:
        return Decoded(envelope=envelope, problem=f"the data does not decode as {envelope.type}")
    except (ValueError, json_format.Error) as error:
        # A time before the first year, for one.
        return Decoded(envelope=envelope, problem=f"the data has no JSON: {error}")
    return Decoded(envelope=envelope, json=json.dumps(document, ensure_ascii=False, separators=(",", ":")))
