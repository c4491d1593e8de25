"""What makes the embedded Kafka a guarded one: TLS, logins with SCRAM or a certificate, and nothing without an ACL.

For rehearsing on one machine what a guarded cluster allows. Two listeners take clients: SASL_SSL, where a login is a
name and a password, and SSL, where it is a certificate. The broker itself logs in as `username`, the super user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MECHANISM = "SCRAM-SHA-512"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


@dataclass(frozen=True, slots=True)
class Secured:
    """Files in PEM: the broker's key with its certificate, and who signs it and the clients' certificates."""

    certificate: Path
    authority: Path
    password: str
    username: str = "root"  # super user: may do everything, ACLs or not

    def properties(self, address: str, certified: str, controller: str) -> Mapping[str, str]:
        """The broker's settings; `address` and `certified` are the listeners, host:port."""
        login = f'required username="{self.username}" password="{self.password}"'
        known = f'user_{self.username}="{self.password}"'
        return {
            "listeners": f"SASL_SSL://{address},SSL://{certified},CONTROLLER://{controller}",
            "advertised.listeners": f"SASL_SSL://{address},SSL://{certified}",
            # The controller takes the broker and nobody else.
            "listener.security.protocol.map": "SASL_SSL:SASL_SSL,SSL:SSL,CONTROLLER:SASL_PLAINTEXT",
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": f"{PLAIN} {login} {known};",
            "inter.broker.listener.name": "SASL_SSL",
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            "sasl.enabled.mechanisms": MECHANISM,
            f"listener.name.sasl_ssl.{MECHANISM.lower()}.sasl.jaas.config": f"{SCRAM} {login};",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.certificate),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority),
            "listener.name.ssl.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/,DEFAULT",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{self.username}",
        }

    @property
    def first_login(self) -> list[str]:
        """What the data folder is formatted with, so that the super user is known at the first start."""
        return ["--add-scram", f"{MECHANISM}=[name={self.username},password={self.password}]"]

    @property
    def client(self) -> dict[str, str]:
        """How a confluent-kafka client of the super user logs in."""
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": MECHANISM,
            "sasl.username": self.username,
            "sasl.password": self.password,
            "ssl.ca.location": str(self.authority),
        }
