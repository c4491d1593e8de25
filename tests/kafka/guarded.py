"""A guarded Kafka: TLS, a login for every process, and the rights of `leadlane topics acls`."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path

from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from streams.kafka.acls import PROCESS, principals
from streams.kafka.embedded import EmbeddedBroker
from streams.kafka.granting import grant
from streams.kafka.secured import MECHANISM, Secured
from streams.settings import Settings, load_settings
from tests.certificates import Authority

NOBODY = "leadlane-nobody"  # a login without a right
ROOT = "root"
LANES = 2
SEAL_SECRET = b64encode(b"seal-s3cret-of-thirty-two-bytes!").decode()


class Guarded:
    """The broker, and how each process speaks to it. Passwords are `<name>-s3cret`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, Authority(folder)
        *_, both = self.authority.issue("broker")
        self.broker = EmbeddedBroker(secured=Secured(both, self.authority.file, password(ROOT), ROOT))

    def start(self) -> None:
        """Start it, and let every process in with its rights."""
        self.broker.start()
        names = [*(f"leadlane-{name}" for name in PROCESS), NOBODY]
        add_logins(self.environment(ROOT), names, self.broker)
        grant(self.settings(ROOT), principals((), "leadlane"))

    def settings(self, name: str, **given: object) -> Settings:
        """The settings of a process: of `worker`, of `nobody`, or of the super user, `root`."""
        return load_settings(
            **{variable.removeprefix("LEADLANE_").lower(): value for variable, value in self.environment(name).items()}
            | given
        )

    def environment(self, name: str) -> dict[str, str]:
        """The same as environment variables."""
        user = name if name == ROOT else f"leadlane-{name}"
        return {
            "LEADLANE_BROKERS": self.broker.bootstrap,
            "LEADLANE_LANES": str(LANES),
            "LEADLANE_SECURITY_PROTOCOL": "SASL_SSL",
            "LEADLANE_SASL_MECHANISM": MECHANISM,
            "LEADLANE_SASL_USERNAME": user,
            "LEADLANE_SASL_PASSWORD": password(user),
            "LEADLANE_SSL_CAFILE": str(self.authority.file),
            "LEADLANE_SEAL_SECRET": SEAL_SECRET,
        }

    def certified(self, name: str) -> dict[str, str]:
        """How a process is let in by its certificate alone."""
        certificate, key, _ = self.authority.issue(f"leadlane-{name}")
        return {
            "LEADLANE_BROKERS": self.broker.certified,
            "LEADLANE_LANES": str(LANES),
            "LEADLANE_SECURITY_PROTOCOL": "SSL",
            "LEADLANE_SSL_CAFILE": str(self.authority.file),
            "LEADLANE_SSL_CERTFILE": str(certificate),
            "LEADLANE_SSL_KEYFILE": str(key),
            "LEADLANE_SEAL_SECRET": SEAL_SECRET,
        }


def add_login(guarded: Guarded, name: str) -> None:
    """Let one more process in."""
    add_logins(guarded.environment(ROOT), [f"leadlane-{name}"], guarded.broker)


def password(user: str) -> str:
    return f"{user}-s3cret"


def add_logins(root: dict[str, str], names: Iterable[str], broker: EmbeddedBroker) -> None:
    """Let these users log in, with the rights of nobody."""
    client = AdminClient(
        {
            "bootstrap.servers": broker.bootstrap,
            "security.protocol": root["LEADLANE_SECURITY_PROTOCOL"],
            "sasl.mechanism": root["LEADLANE_SASL_MECHANISM"],
            "sasl.username": root["LEADLANE_SASL_USERNAME"],
            "sasl.password": root["LEADLANE_SASL_PASSWORD"],
            "ssl.ca.location": root["LEADLANE_SSL_CAFILE"],
        }
    )
    how = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    added: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(name, how, password(name).encode()) for name in names
    ]
    for future in client.alter_user_scram_credentials(added).values():
        future.result(30)
