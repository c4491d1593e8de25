"""`leadlane doctor` on a real broker: what is missing is named in the order in which it is mended."""

from __future__ import annotations

from streams.commands.doctor import Finding, examine
from streams.policy.publish import Publisher, Stamp
from streams.shipped import default_policy
from streams.topics import TOPICS
from tests.kafka.conftest import FreshTopics, RunningKafka, delete_topics


def by_subject(brokers: str) -> dict[str, Finding]:
    return {finding.subject: finding for finding in examine(brokers)}


def test_without_topics_neither_topics_nor_policy_are_well(broker: RunningKafka) -> None:
    delete_topics(broker.bootstrap)
    findings = by_subject(broker.bootstrap)
    assert [subject for subject, finding in findings.items() if finding.remedy] == ["topics", "policy"]
    assert "leadlane topics apply" in findings["topics"].remedy
    assert "leadlane topics apply" in findings["policy"].remedy


def test_with_topics_a_policy_is_missing_until_one_is_published(fresh_topics: FreshTopics) -> None:
    settings = fresh_topics()
    before = by_subject(settings.brokers)
    publisher = Publisher(settings)
    policy, _ = publisher.publish(default_policy().read_text(), "default.yaml", Stamp("ann", "first day", 1))
    after = by_subject(settings.brokers)

    assert [finding for finding in before.values() if finding.remedy] == [before["policy"]]
    assert f"leadlane policy publish {default_policy()}" in before["policy"].remedy
    assert [finding for finding in after.values() if finding.remedy] == []
    assert after["topics"].seen == f"{len(TOPICS)} as declared"
    assert policy.version in after["policy"].seen
