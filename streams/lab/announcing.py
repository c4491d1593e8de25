"""What the lab makes known on the control topics: model versions, alarms, guards, and what it goes back from.

Law of this module: decided on what really stands (streams/kafka/table.py), written in a thread, since that client
blocks. The lab signs what it does by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from streams import metrics, topics
from streams.core import context
from streams.core.context import Guard, ModelVersion, Stamp
from streams.core.policy import GovernanceRow
from streams.kafka.changes import Edit
from streams.kafka.table import ControlTable
from streams.lab.alarms import Alarm
from streams.lab.gates import LAB
from streams.lab.moves import freeze, rollback
from streams.lab.oversight import Undo, alarm_edit, snapshot_edit
from streams.lab.registry import Move, Refused, registry_from
from streams.policy.publish import NothingBefore, Publisher
from streams.settings import Settings

log = logging.getLogger(__name__)


class Announcer:
    """Writes for the lab, one thing at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._models = ControlTable(settings, topics.MODELS, ModelVersion)
        self._alarms = ControlTable(settings, topics.ALARMS, context.Alarm)
        self._guards = ControlTable(settings, topics.GUARDS, Guard)

    async def claim(self) -> None:
        """End what a killed lab left open: until then nobody sees what is written to these topics."""
        for table in (self._models, self._alarms, self._guards):
            await asyncio.to_thread(table.change, lambda _: None)

    async def model(self, version: ModelVersion, is_warm: bool) -> bool:
        """Publish a version; roles that follow its line move to it. False when it is refused."""
        stamp = Stamp(LAB, version.reason, version.at)

        def decide(records: Mapping[str, ModelVersion]) -> Move:
            return snapshot_edit(records, version, is_warm, stamp)

        move = await asyncio.to_thread(self._models.change, decide)
        if isinstance(move, Refused):
            log.error("model %s is not published: %s. Learn on as another line: LEADLANE_LAB_LINE.",
                      version.version, move.why)  # fmt: skip
            return False
        metrics.LAB_SNAPSHOTS.inc()
        return True

    async def alarms(self, alarms: Mapping[str, Alarm], row: GovernanceRow) -> None:
        """Write those that went on or off."""

        def decide(records: Mapping[str, context.Alarm]) -> Edit[context.Alarm]:
            return alarm_edit(alarms, records, row)

        for name, record in (await asyncio.to_thread(self._alarms.change, decide)).records.items():
            log.warning("alarm %s is %s: %s", name, "on" if record.on else "over", record.detail)

    async def guards(self, guards: Mapping[str, Guard]) -> None:
        """Write how full queues are."""
        await asyncio.to_thread(self._guards.change, lambda _: Edit(guards))

    async def undo(self, undo: Undo, now: int) -> bool:
        """Go back from the latest change, and freeze until a person acknowledges. False: there was nothing to do."""
        stamp = Stamp(LAB, "; ".join(undo.reasons), now)
        if undo.what == "policy":
            try:
                await asyncio.to_thread(lambda: Publisher(self._settings).rollback(stamp))
            except NothingBefore as error:
                log.error("the policy should be rolled back: %s. %s", stamp.reason, error)
                return False
        move = await asyncio.to_thread(self._models.change, lambda records: frozen_edit(records, undo, stamp))
        if isinstance(move, Edit):
            metrics.LAB_ROLLBACKS.labels(undo.what).inc()
            log.error("rolled back the %s: %s. Frozen until `leadlane model acknowledge`", undo.what, stamp.reason)
        return isinstance(move, Edit)


def frozen_edit(records: Mapping[str, ModelVersion], undo: Undo, stamp: Stamp) -> Move:
    """The roles gone back to, or as they are, frozen. Not when somebody froze them meanwhile: a person is at it."""
    registry = registry_from(records)
    if undo.what == "policy" or registry.roles.frozen:
        return freeze(registry, stamp)
    return rollback(registry, stamp)
