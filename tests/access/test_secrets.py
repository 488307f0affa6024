"""Nothing secret and nothing of anyone's shows where it should not: error bodies, metrics, logs.

Everything is given a text that occurs nowhere else, and is then looked for. A stack logs all it can (DEBUG)
while requests succeed and fail, Redis goes away, and a message is broken.
"""

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dev.ports import PortBlock
from dev.redis import command
from kernel.embedded.storage import EmbeddedStorage
from tests.e2e.client import Shop, applied, new_id
from tests.e2e.conftest import open_shop
from tests.edge.samples import CONTRACT
from tests.edge.test_server import Server
from tests.support import eventually

REDIS_PASSWORD = "redis-9b1d5c77a0"
TOKEN_KEY = "token-key-4f6e8c12d3" * 2
ACCOUNT_KEY = b64encode(b"account-key-77c1e09ab2" * 2).decode()
NAME = "Zylophonic Teapot"
TEXT = "quixotic-reason-51a9"
IDEMPOTENCY_KEY = "idempotency-8e0f2b"
SUBJECT = "eulalia-3c7d"
AMOUNT = 7391946280
BROKEN = "broken-message-d04c"
# Configuration, and what proves who one is.
SECRETS = [REDIS_PASSWORD, TOKEN_KEY, ACCOUNT_KEY]
# Of people: what they are called, and what they bought and said.
PERSONAL = [SUBJECT, NAME, TEXT, IDEMPOTENCY_KEY, str(AMOUNT), BROKEN]


class Journey:
    """What was answered and sent on a stack of its own."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.errors: list[str] = []
        self.tokens: list[str] = []

    def call(
        self,
        verb: str,
        path: str,
        token: str = "",
        headers: dict[str, str] | None = None,
        **more: Any,  # noqa: ANN401 # as httpx takes it
    ) -> httpx.Response:
        sent = ({"Authorization": f"Bearer {token}"} if token else {}) | (headers or {})
        answer = self.shop.http.request(verb, path, headers=sent, **more)
        if answer.status_code >= 400:
            self.errors.append(answer.text)
        return answer

    def token(self, *roles: str) -> str:
        body = {"subject": SUBJECT, "roles": roles}
        token: str = self.call("POST", "/v1/dev/tokens", json=body).json()["token"]
        self.tokens.append(token)
        return token

    def succeed(self) -> None:
        """Sells and orders."""
        merchant, shopper = self.token("merchant"), self.token("shopper")
        product, cart = new_id("p"), new_id("c")
        price = {"currency": "EUR", "minorUnits": str(AMOUNT)}
        wait = {"Prefer": "wait=20"}
        body = {"productId": product, "name": NAME, "description": TEXT, "price": price}
        applied(self.call("POST", "/v1/products", merchant, json=body, headers=wait))
        stock = self.call(
            "POST", f"/v1/products/{product}/stock", merchant, json={"quantity": 3}, headers=wait
        )
        applied(stock)
        item = {"productId": product, "quantity": 1}
        keyed = wait | {"Idempotency-Key": f"{IDEMPOTENCY_KEY}-{cart}"}
        applied(self.call("POST", f"/v1/carts/{cart}/items", shopper, json=item, headers=keyed))
        applied(
            self.call(
                "POST", f"/v1/carts/{cart}/checkout", shopper, json={"expectedTotal": price}, headers=wait
            )
        )
        reason = {"reason": TEXT}
        eventually(
            lambda: (
                self.call(
                    "POST", f"/v1/orders/{cart}/cancellation", shopper, json=reason, headers=wait
                ).is_success
            )
        )

    def is_waited_for(self) -> bool:
        """Whether the edge has noticed that Redis is back."""
        answer = self.call(
            "POST",
            f"/v1/products/{new_id('p')}/stock",
            self.token("merchant"),
            {"Prefer": "wait=5"},
            json={"quantity": 1},
        )
        return "Preference-Applied" in answer.headers

    def fail(self) -> None:
        """Every kind of refusal, with everything in it that should not show."""
        merchant, shopper = self.token("merchant"), self.token("shopper")
        secret = {"name": NAME, "note": TEXT, "amount": AMOUNT}
        wrong: list[tuple[str, str, str, dict[str, Any]]] = [
            ("POST", "/v1/products", merchant, {"json": secret}),
            ("POST", "/v1/products", merchant, {"content": f'{{"name": "{NAME}'.encode()}),
            ("POST", "/v1/products", merchant, {"json": {"productId": f"{TEXT} {SUBJECT}", "name": NAME}}),
            ("POST", "/v1/products", merchant, {"json": {"productId": "p", "price": {"minorUnits": TEXT}}}),
            ("POST", "/v1/products", shopper, {"json": secret}),
            ("POST", "/v1/carts/c/items", shopper, {"json": {"productId": "none", "quantity": AMOUNT}}),
            ("POST", "/v1/carts/c/checkout", shopper, {"json": {"expectedTotal": {"currency": TEXT}}}),
            ("POST", "/v1/orders/none/cancellation", shopper, {"json": {"reason": TEXT * 200}}),
            (
                "POST",
                "/v1/orders/none/payment",
                shopper,
                {"json": {}, "headers": {"Idempotency-Key": TEXT * 20}},
            ),
            ("POST", "/v1/dev/tokens", "", {"json": {"subject": f"{SUBJECT}\n", "roles": [TEXT]}}),
            ("POST", "/v1/commands", shopper, {"json": {"commands": [{"type": TEXT, "body": secret}]}}),
            ("GET", "/v1/orders", shopper[:-3] + "AAA", {}),
            ("GET", "/v1/orders", TOKEN_KEY, {}),
            ("GET", "/v1/orders/none", shopper, {}),
            ("GET", "/metrics", shopper, {}),
        ]
        for verb, path, token, more in wrong:
            answer = self.call(verb, path, token, **more)
            assert answer.status_code >= 400 or path == "/v1/commands", (verb, path, answer.text)
        stream = self.shop.stack.stream_url
        for url, token in (
            (f"{stream}/v1/stream?topic=products&token={shopper}", ""),
            (f"{stream}/v1/stream?topic=products", shopper[:-3] + "AAA"),
            (f"{stream}/v1/stream?topic=nothing", shopper),
        ):
            answer = httpx.get(
                url, headers={"Authorization": f"Bearer {token}"} if token else {}, trust_env=False
            )
            assert answer.status_code in (400, 401)
            self.errors.append(answer.text)

    def logs(self) -> dict[str, str]:
        return {path.name: path.read_text(errors="replace") for path in self.shop.stack.log_dir.iterdir()}

    def metrics(self) -> str:
        """Of all services."""
        headers = {"Authorization": f"Bearer {self.token('operator')}"}
        urls = self.shop.stack.metrics_urls.values()
        return "".join(httpx.get(url, headers=headers, trust_env=False).text for url in urls)


class LockedRedis:
    """A Redis that wants a password."""

    def __init__(self, folder: Path) -> None:
        self._block = PortBlock()
        self._port = self._block.take()
        self._folder = folder
        self.url = f"redis://:{REDIS_PASSWORD}@127.0.0.1:{self._port}/0"
        self.start()

    def start(self) -> None:
        words = [*command(self._port, self._folder), "--requirepass", REDIS_PASSWORD]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        self.stop()
        self._block.release()


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    redis = LockedRedis(tmp_path_factory.mktemp("redis"))
    try:
        env = {"REDIS_URL": redis.url, "PRISM_DEV_TOKEN_KEY": TOKEN_KEY, "PRISM_LOG_LEVEL": "DEBUG"} | {
            "PRISM_EDGE_WORKERS": "1"
        }
        with open_shop("embedded", env) as shop:
            journey = Journey(shop)
            journey.succeed()
            journey.fail()
            redis.stop()
            journey.fail()
            storage = EmbeddedStorage(str(shop.stack.data_dir))
            queues = {f"events-{view.subscriber}" for view in CONTRACT.views.values()} | {"commands"}
            for queue in queues:
                storage.queue(queue).put([BROKEN.encode()])
            # A payment window that has not passed may wait in a queue as well.
            eventually(
                lambda: (
                    BROKEN.encode() not in [m.body for queue in queues for m in storage.queue(queue).peek()]
                ),
                30,
            )
            storage.close()
            redis.start()
            eventually(lambda: shop.http.get("/readyz").status_code == 200, 20)
            eventually(journey.is_waited_for)
            journey.succeed()
            yield journey
    finally:
        redis.close()


def found(text: str, secrets: list[str]) -> list[str]:
    return [secret for secret in secrets if secret in text]


def test_errors_show_nothing_of_it(journey: Journey) -> None:
    assert len(journey.errors) > 30
    for body in journey.errors:
        assert not found(body, [*SECRETS, *journey.tokens, *PERSONAL]), body
        # Nor where and how it runs.
        assert not found(
            body, ["Traceback", 'File "', str(journey.shop.stack.data_dir), "site-packages", "redis"]
        )


def test_metrics_count_and_name_nobody(journey: Journey) -> None:
    metrics = journey.metrics()
    assert "prism_storage_calls_total" in metrics
    assert not found(metrics, [*SECRETS, *journey.tokens, *PERSONAL])


def test_logs_tell_what_happened_and_not_to_whom(journey: Journey) -> None:
    logs = journey.logs()
    assert {"edge.log", "domain_svc.log", "projector_svc.log", "stream_svc.log"} <= logs.keys()
    assert all(logs[f"{name}.log"] for name in ("edge", "domain_svc", "projector_svc", "stream_svc"))
    for name, text in logs.items():
        for line in text.splitlines():
            assert not found(line, [*SECRETS, *journey.tokens, *PERSONAL]), f"{name}: {line[:300]}"


AZURE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={key};"
    "QueueEndpoint=http://127.0.0.1:1/devstoreaccount1;TableEndpoint=http://127.0.0.1:1/devstoreaccount1;"
)


def test_an_account_that_is_out_of_reach_is_not_named_with_its_key(tmp_path: Path, redis_url: str) -> None:
    env = {"PRISM_STORAGE": AZURE.format(key=ACCOUNT_KEY), "PRISM_LOG_LEVEL": "DEBUG"}
    server = Server(tmp_path, redis_url, **env)
    server.start()
    try:
        eventually(server.up, 30)
        headers = server.login("shopper")
        answers = [
            server.client.post("/v1/carts/c1/items", json={"productId": "p", "quantity": 1}, headers=headers),
            server.client.get("/v1/orders", headers=headers),
            server.client.get("/readyz"),
        ]
        assert [answer.status_code for answer in answers] == [503, 503, 503]
        for text in (*(answer.text for answer in answers), server.log.read_text()):
            assert not found(text, [ACCOUNT_KEY, "AccountKey", headers["Authorization"]])
    finally:
        server.close()


@pytest.mark.parametrize("service", ["edge", "domain_svc", "projector_svc", "stream_svc"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"PRISM_STORAGE": f"AccountKey={ACCOUNT_KEY}"},
        {"PRISM_STORAGE": f"AccountName=a;AccountKey=?{ACCOUNT_KEY};"},
        {"REDIS_URL": f"nothing://:{REDIS_PASSWORD}@127.0.0.1:1/0"},
        {"PRISM_DEV_TOKEN_KEY": TOKEN_KEY[:20]},
        {"PRISM_CORS_ORIGINS": "*"},
        {"PRISM_GRPC_CA": "/nothing.pem"},
    ],
    ids=["storage", "account", "redis", "token key", "origins", "certificates"],
)
def test_a_wrong_setting_is_not_repeated(tmp_path: Path, service: str, wrong: dict[str, str]) -> None:
    ports = PortBlock()
    names = (
        "EDGE_PORT",
        "STREAM_PORT",
        "DOMAIN_GRPC_PORT",
        "PROJECTOR_GRPC_PORT",
        "STREAM_GRPC_PORT",
        "DOMAIN_METRICS_PORT",
        "PROJECTOR_METRICS_PORT",
    )
    env = {f"PRISM_{name}": str(ports.take()) for name in names} | {
        "PRISM_DATA_DIR": str(tmp_path),
        "PRISM_DEV_TOKEN_KEY": TOKEN_KEY,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": ":".join(sys.path),
        "TMPDIR": str(tmp_path),
    }
    words = [sys.executable, "-m", service]
    try:
        ended = subprocess.run(
            words, env=env | wrong, capture_output=True, text=True, timeout=30, check=False
        )
    finally:
        ports.release()
    said = ended.stdout + ended.stderr
    assert ended.returncode != 0
    [variable] = wrong
    assert variable in said
    assert not found(said, [*SECRETS, TOKEN_KEY[:20], "Traceback"])
