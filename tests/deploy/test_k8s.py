"""The manifests: valid, confined, and what they name exists in the code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import kubernetes_validate
import pytest
import yaml

from streams.kafka.acls import PROCESS
from streams.settings import Settings, load_settings
from tests.deploy.manifests import (
    K8S,
    OVERLAYS,
    PORTS,
    SETTINGS,
    Document,
    command_exists,
    compose,
    containers,
    documents,
    kustomize,
    rendered,
    resources,
)

RESOURCES = resources()
WORKLOADS = {name: each for name, each in RESOURCES.items() if any(containers(each))}
# Of operators, whose schemas kubernetes-validate does not have.
CUSTOM = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor"}
VERSION = "1.37"
with_kustomize = pytest.mark.skipif(kustomize() is None, reason="no kustomize: make check-deploy makes one")
overlays = pytest.mark.parametrize("overlay", OVERLAYS)


class Place(NamedTuple):
    pod: Document
    container: Document


def place(kind: str) -> Place:
    """The pod and the container of a process, from the base."""
    return Place(*next(containers(WORKLOADS[next(name for name in WORKLOADS if name.endswith(f" leadlane-{kind}"))])))


def settings_env() -> dict[str, str]:
    lines = (K8S / "base" / "config" / "settings.env").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_every_process_has_its_workload() -> None:
    names = {name.rpartition(" ")[2] for name in WORKLOADS}
    assert names == {f"leadlane-{kind}" for kind in (*PORTS, "init")}


@pytest.mark.parametrize("name", [name for name, each in RESOURCES.items() if each["kind"] not in CUSTOM])
def test_a_resource_is_valid_and_has_no_field_that_kubernetes_does_not_know(name: str) -> None:
    kubernetes_validate.validate(RESOURCES[name], VERSION, strict=True)


def test_a_misspelt_field_would_be_found() -> None:
    wrong = yaml.safe_load(yaml.safe_dump(next(iter(WORKLOADS.values()))))
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_meets_the_restricted_profile_and_gets_no_token(name: str) -> None:
    for pod, container in containers(WORKLOADS[name]):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all(set(volume) & {"configMap", "secret"} for volume in pod.get("volumes", ()))


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_container_asks_for_what_it_needs_and_may_not_take_all_memory(name: str) -> None:
    for _, container in containers(WORKLOADS[name]):
        resources = container["resources"]
        assert set(resources["requests"]) == {"cpu", "memory"}
        assert _mebibytes(resources["limits"]["memory"]) >= _mebibytes(resources["requests"]["memory"])


@pytest.mark.parametrize("kind", PORTS)
def test_a_process_runs_a_command_that_exists_and_is_asked_where_it_answers(kind: str) -> None:
    _, container = place(kind)
    assert command_exists(container["args"])
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports["web"] == PORTS[kind]
    probes = [container[probe] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    assert [probe["httpGet"] for probe in probes] == [
        {"path": path, "port": "web"} for path in ("/live", "/live", "/ready")
    ]


def test_the_paths_that_are_asked_are_served() -> None:
    from streams.gateway.server import web_app
    from streams.hosting import HostedService, hosting_app

    service = HostedService(lambda: pytest.fail("nothing is started here"))
    hosted = hosting_app("leadlane", load_settings(), 6066, service, "stuck")
    gateway = web_app(lambda: None, lambda: True)
    served = {route.resource.canonical for route in gateway.router.routes() if route.resource is not None}
    assert {"/live", "/ready", "/metrics"} <= served
    assert {"/live", "/ready", "/metrics"} <= set(hosted.web.views)


def test_the_gateways_port_is_the_settings_default() -> None:
    ports = {port["name"]: port["containerPort"] for port in place("gateway").container["ports"]}
    assert ports["http"] == Settings.model_fields["gateway_port"].default


@pytest.mark.parametrize("kind", PORTS)
def test_a_start_may_take_longer_than_a_broker_that_is_away(kind: str) -> None:
    probe = place(kind).container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] >= 120


@pytest.mark.parametrize("kind", PORTS)
def test_a_stop_has_more_time_than_a_process_takes(kind: str) -> None:
    from streams.hosting import STOP_SECONDS

    pod, container = place(kind)
    waits = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod["terminationGracePeriodSeconds"] >= 2 * STOP_SECONDS + waits


@pytest.mark.parametrize("kind", ["worker", "sink"])
def test_a_member_of_a_group_has_its_pods_name_as_its_slot(kind: str) -> None:
    slot = {"name": "LEADLANE_SLOT", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    assert slot in place(kind).container["env"]
    assert any(name.endswith(f"StatefulSet leadlane-{kind}") for name in WORKLOADS)


def test_every_variable_is_a_setting() -> None:
    patched = [each for path in (K8S / "components").rglob("*.yaml") for each in documents(path)]
    literals = [
        word.partition("=")[0]
        for path in K8S.rglob("kustomization.yaml")
        for generator in yaml.safe_load(path.read_text("utf-8")).get("configMapGenerator", ())
        for word in generator.get("literals", ())
    ]
    env = [
        variable["name"]
        for each in [*RESOURCES.values(), *patched]
        for _, container in containers(each)
        for variable in container.get("env", ())
    ]
    assert len(literals) >= 6
    assert {*settings_env(), *literals, *env} <= SETTINGS


def test_the_settings_together_are_what_a_process_takes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The production overlay's, with a login: as a container would see them."""
    tls = yaml.safe_load((K8S / "components/kafka-tls/kustomization.yaml").read_text("utf-8"))
    production = yaml.safe_load((K8S / "overlays/production/kustomization.yaml").read_text("utf-8"))
    stated = settings_env()
    for kustomization in (tls, production):
        stated |= dict(word.split("=", 1) for word in kustomization["configMapGenerator"][0]["literals"])
    authority = tmp_path / "ca.crt"
    authority.write_text("")
    for name, value in {
        **stated, "LEADLANE_SASL_USERNAME": "u", "LEADLANE_SASL_PASSWORD": "p", "LEADLANE_SSL_CAFILE": str(authority),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.security_protocol, settings.sasl_mechanism) == ("SASL_SSL", "SCRAM-SHA-512")


def test_no_secret_stands_in_the_manifests() -> None:
    assert [name for name, each in RESOURCES.items() if each["kind"] == "Secret"] == []
    for path in K8S.rglob("*.yaml"):
        for each in documents(path):
            assert "secretGenerator" not in each, path
            for _, container in containers(each):
                values = {variable["name"] for variable in container.get("env", ()) if "value" in variable}
                assert not any(re.search("SECRET|PASSWORD|USERNAME", name) for name in values), path


def test_only_what_works_on_personal_text_gets_the_key_to_it() -> None:
    having = {
        kind
        for kind in PORTS
        if "LEADLANE_SEAL_SECRET" in {each["name"] for each in place(kind).container.get("env", ())}
    }
    assert having == {"worker", "gateway"}
    assert having == {
        name.partition("-")[0]
        for name, service in compose()["services"].items()
        if "LEADLANE_SEAL_SECRET" in service.get("environment", {})
    }


def test_each_process_logs_in_to_kafka_as_the_one_that_the_acls_name() -> None:
    users = {}
    for path in sorted((K8S / "components" / "kafka-tls").glob("*.yaml")):
        for each in documents(path):
            for _, container in containers(each):
                refs = {variable["valueFrom"]["secretKeyRef"]["name"] for variable in container["env"]}
                users[container["name"]] = refs.pop()
                assert not refs
    assert users == {
        **{kind: f"leadlane-kafka-{kind}" for kind in PORTS}, "init": "leadlane-kafka-admin",
    }  # fmt: skip
    (authentication,) = documents(K8S / "components/kafka-tls-autoscaling/trigger-authentication.yaml")
    named = {ref["name"] for ref in authentication["spec"]["secretTargetRef"] if ref["parameter"] != "ca"}
    assert named == {"leadlane-kafka-monitoring"}
    assert {name.removeprefix("leadlane-kafka-") for name in {*users.values(), *named}} <= set(PROCESS)


def test_workers_are_scaled_by_the_lag_of_their_group_up_to_the_lanes() -> None:
    (scaled,) = documents(K8S / "components/autoscaling/worker.yaml")
    spec = scaled["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "leadlane-worker"}
    assert spec["maxReplicaCount"] == int(settings_env()["LEADLANE_LANES"]) == Settings.model_fields["lanes"].default
    assert spec["minReplicaCount"] >= 2
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "kafka"
    metadata = trigger["metadata"]
    assert metadata["consumerGroup"] == Settings.model_fields["app_id"].default
    assert metadata["bootstrapServers"] == settings_env()["LEADLANE_BROKERS"]
    assert "topic" not in metadata  # all inputs
    assert int(metadata["lagThreshold"]) > 0
    assert all(isinstance(value, str) for value in metadata.values())


def test_prometheus_finds_the_port_that_every_service_names() -> None:
    (monitor,) = documents(K8S / "components/monitoring/service-monitor.yaml")
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["path"] == "/metrics"
    services = {each["metadata"]["name"]: each for each in RESOURCES.values() if each["kind"] == "Service"}
    assert set(services) == {f"leadlane-{kind}" for kind in PORTS}
    for kind in PORTS:
        ports = {port["name"]: port["port"] for port in services[f"leadlane-{kind}"]["spec"]["ports"]}
        assert ports[endpoint["port"]] == PORTS[kind]
        assert services[f"leadlane-{kind}"]["metadata"]["labels"]["app.kubernetes.io/component"] == kind


def test_nothing_is_open_but_what_is_said() -> None:
    policies = {each["metadata"]["name"]: each["spec"] for each in documents(K8S / "base" / "network-policies.yaml")}
    nothing = policies.pop("leadlane-nothing")
    assert nothing["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & set(nothing)
    opened = {name: sorted({"ingress", "egress"} & set(spec)) for name, spec in policies.items()}
    assert opened == {
        "leadlane-kafka": ["egress"], "leadlane-registry": ["egress"], "leadlane-metrics": ["ingress"],
        "leadlane-gateway": ["ingress"], "leadlane-sink": ["egress"],
    }  # fmt: skip
    (world,) = policies["leadlane-sink"]["egress"]
    (block,) = world["to"]
    assert {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"} <= set(block["ipBlock"]["except"])


@with_kustomize
@overlays
def test_an_overlay_renders_to_valid_resources_with_names_that_meet(overlay: str) -> None:
    made = rendered(overlay)
    for each in made:
        if each["kind"] not in CUSTOM:
            kubernetes_validate.validate(each, VERSION, strict=True)
    configured = {each["metadata"]["name"] for each in made if each["kind"] == "ConfigMap"}
    referred = {ref for each in made for pod, container in containers(each) for ref in _config_maps(pod, container)}
    assert referred == configured
    assert {each["metadata"].get("namespace") for each in made if each["kind"] != "Namespace"} == {
        each["metadata"]["name"] for each in made if each["kind"] == "Namespace"
    }


@with_kustomize
def test_who_scales_a_workload_is_alone_in_saying_how_many() -> None:
    production = {(each["kind"], each["metadata"]["name"]): each for each in rendered("production")}
    assert "replicas" not in production["StatefulSet", "leadlane-worker"]["spec"]
    assert "replicas" not in production["Deployment", "leadlane-gateway"]["spec"]
    assert production["StatefulSet", "leadlane-lab"]["spec"]["replicas"] == 1


@with_kustomize
def test_in_production_every_process_logs_in_by_tls() -> None:
    made = rendered("production")
    (settings,) = [each["data"] for each in made if each["metadata"]["name"].startswith("leadlane-settings-")]
    assert settings["LEADLANE_SECURITY_PROTOCOL"] == "SASL_SSL"
    for each in made:
        for pod, container in containers(each):
            env = {variable["name"]: variable for variable in container["env"]}
            assert env["LEADLANE_SASL_PASSWORD"]["valueFrom"]["secretKeyRef"]
            assert "kafka-ca" in {volume["name"] for volume in pod["volumes"]}
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert str(Path(settings["LEADLANE_SSL_CAFILE"]).parent) in mounted
    (scaled,) = [each for each in made if each["kind"] == "ScaledObject"]
    assert scaled["spec"]["triggers"][0]["metadata"]["bootstrapServers"] == settings["LEADLANE_BROKERS"]
    assert scaled["spec"]["triggers"][0]["authenticationRef"] == {"name": "leadlane-kafka-monitoring"}


def _config_maps(pod: Document, container: Document) -> set[str]:
    volumes: list[dict[str, Any]] = pod.get("volumes", [])
    return {ref["configMapRef"]["name"] for ref in container.get("envFrom", ())} | {
        volume["configMap"]["name"] for volume in volumes if "configMap" in volume
    }


def _mebibytes(quantity: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * (1024 if unit == "Gi" else 1)
