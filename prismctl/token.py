"""prismctl token."""

import getpass
import json
from typing import Annotated, Any

import typer
import urllib3

from prismctl.commands import command, new_app
from prismctl.errors import Misused, Unfit, Unreachable
from prismctl.session import Session

app = new_app()


@command(app)
def token(
    session: Session,
    subject: Annotated[str, typer.Option(help="Who you are, for the audit log. Default: your login.")] = "",
) -> None:
    """An operator's token of a development stack.

    export PRISM_TOKEN=$(prismctl token). It lasts twelve hours. With PRISM_AUTH=jwks tokens come from the issuer.
    """
    issued = issue(session.edge_url, subject or _login(), session.options.timeout)
    session.output.document({"token": issued})
    if not session.output.as_json:
        typer.echo(issued)


def issue(edge_url: str, subject: str, timeout_s: float) -> str:
    """Asks the edge for a token."""
    body = json.dumps({"subject": subject, "roles": ["operator"]}).encode()
    try:
        # Knows no proxies, as the edge of a development stack has none.
        answer = urllib3.PoolManager().request(
            "POST",
            f"{edge_url}/v1/dev/tokens",
            body=body,
            headers={"Content-Type": "application/json"},
            timeout=timeout_s,
            retries=False,
            redirect=False,
        )
    except (urllib3.exceptions.LocationValueError, urllib3.exceptions.LocationParseError, ValueError):
        raise Misused(f"{edge_url!r} is no URL: --edge http://HOST:PORT") from None
    except urllib3.exceptions.HTTPError:
        hint = "is it running, and is --edge right?"
        raise Unreachable(
            f"the edge at {edge_url} cannot be reached within {timeout_s:g} s; {hint}"
        ) from None
    said = _object(answer.data)
    match answer.status, said:
        case 200, {"token": str() as issued}:
            return issued
        case 404, _:
            raise Unfit(
                f"{edge_url} gives no tokens: it runs with PRISM_AUTH=jwks, so ask its issuer for one with "
                "the role operator; or it is no edge"
            )
        case 422, {"detail": str() as detail}:
            raise Misused(detail)
        case status, _:
            raise Unreachable(f"{edge_url} answers {status} and no token: is --edge right?")


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # A container's user may have no name.
        return "operator"


def _object(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
