"""The waiting list: who is called when a slot becomes free."""

import logging
from dataclasses import dataclass, field

from scheduling.privacy import mask
from scheduling.slots import Slot, clock

logger = logging.getLogger("scheduling.waiting")

URGENT, SOON, WHENEVER = 0, 1, 2


@dataclass
class Waiting:
    patient_id: str
    full_name: str
    phone_number: str
    minutes: int
    urgency: int = WHENEVER
    since: int = 0
    not_before: int = 0
    declined: set[int] = field(default_factory=set)


class WaitingList:
    def __init__(self) -> None:
        self._entries: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Waiting) -> None:
        self.remove(entry.patient_id)
        self._entries.append(entry)
        logger.info("%s waits, urgency %d", mask(entry.full_name), entry.urgency)

    def remove(self, patient_id: str) -> bool:
        before = len(self._entries)
        self._entries = [e for e in self._entries if e.patient_id != patient_id]
        return len(self._entries) < before

    def next_for(self, slot: Slot) -> Waiting | None:
        """The most urgent who fits; of equals who waits longest."""
        fitting = [
            e
            for e in self._entries
            if e.minutes <= slot.minutes and e.not_before <= slot.start and slot.start not in e.declined
        ]
        return min(fitting, key=lambda e: (e.urgency, e.since), default=None)

    def offer(self, slot: Slot) -> Waiting | None:
        entry = self.next_for(slot)
        if entry is None:
            logger.info("nobody waits for %s", clock(slot.start))
            return None
        logger.info("offering %s to %s at %s", clock(slot.start), entry.full_name, entry.phone_number)
        return entry

    def decline(self, patient_id: str, slot: Slot) -> None:
        for entry in self._entries:
            if entry.patient_id == patient_id:
                entry.declined.add(slot.start)
                logger.info("declined %s, the phone_number stays on the list", clock(slot.start))

    def positions(self) -> dict[str, int]:
        ranked = sorted(self._entries, key=lambda e: (e.urgency, e.since))
        return {entry.patient_id: place for place, entry in enumerate(ranked, start=1)}
