import pytest

from kernel.errors import ConfigurationError
from kernel.settings import load


def test_the_defaults_are_a_laptops() -> None:
    settings = load({})
    assert (settings.prism_storage, settings.prism_edge_port, settings.prism_payment_window) == (
        "embedded",
        8080,
        900,
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PRISM_EDGE_PORT", "http"),
        ("PRISM_EDGE_PORT", "70000"),
        ("PRISM_PAYMENT_WINDOW", "-1"),
        ("PRISM_AUTH", "none"),
        ("PRISM_DOORBELL", "maybe"),
        ("PRISM_NAMESPACE", "Not Fit"),
    ],
)
def test_a_wrong_setting_is_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        load({variable: value})


def test_an_issuer_must_be_said_in_full() -> None:
    with pytest.raises(ConfigurationError, match="PRISM_JWT_AUDIENCE"):
        load({"PRISM_AUTH": "jwks", "PRISM_JWT_ISSUER": "https://issuer.example"})


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert load({"PRISM_EDGE_PORT": ""}).prism_edge_port == 8080
