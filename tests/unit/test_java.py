"""The embedded Kafka's packages."""

import pytest

from streams.errors import BrokerFailed
from streams.kafka import java


def test_an_installation_without_the_embedded_kafka_says_so_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(java, "find_spec", lambda name: None if name == "jgo" else object())
    with pytest.raises(
        BrokerFailed, match=r"no jgo \(the container image leaves them out\). Give a Kafka with LEADLANE_"
    ):
        java.class_path()
