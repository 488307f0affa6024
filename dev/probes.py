"""Whether a server of the stack is up, asked from outside and past any proxy."""

import http.client
import socket


def get(url: str) -> tuple[int, str]:
    """Status and body (2,000 bytes of it) of a GET; status 0 when nobody answers within two seconds."""
    address, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(address, timeout=2)
    try:
        connection.request("GET", f"/{path}")
        response = connection.getresponse()
        return response.status, response.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def listens(address: str) -> bool:
    """True when `host:port`, or the same as a URL, takes a connection within a second."""
    host, _, port = address.removeprefix("http://").rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False
