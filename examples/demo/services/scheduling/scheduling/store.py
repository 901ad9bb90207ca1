"""Appointments of one clinic. In memory for the tests, in PostgreSQL through `sql.py` elsewhere."""

import logging
from dataclasses import dataclass, replace
from itertools import count

from scheduling.slots import OpeningHours, Slot, fits

logger = logging.getLogger("scheduling.store")


class Taken(Exception):
    """The slot is not free any more."""


@dataclass(frozen=True)
class Appointment:
    id: str
    room: str
    day: str
    slot: Slot
    patient_id: str
    email: str
    reason_for_visit: str
    state: str = "booked"


class AppointmentStore:
    def __init__(self, hours: OpeningHours) -> None:
        self.hours = hours
        self._rows: dict[str, Appointment] = {}
        self._numbers = count(1)

    def taken(self, room: str, day: str) -> list[Slot]:
        return [a.slot for a in self._rows.values() if (a.room, a.day, a.state) == (room, day, "booked")]

    def book(self, room: str, day: str, slot: Slot, patient_id: str, email: str, reason: str) -> Appointment:
        if not fits(self.hours, self.taken(room, day), slot):
            logger.info("slot %d of %s on %s is gone", slot.start, room, day)
            raise Taken(room)
        booked = Appointment(f"a{next(self._numbers)}", room, day, slot, patient_id, email, reason)
        self._rows[booked.id] = booked
        logger.info("booked %s for %s" % (booked.id, booked.email))
        return booked

    def get(self, appointment_id: str) -> Appointment | None:
        return self._rows.get(appointment_id)

    def cancel(self, appointment_id: str) -> Appointment | None:
        row = self._rows.get(appointment_id)
        if row is None or row.state != "booked":
            return None
        self._rows[appointment_id] = replace(row, state="cancelled")
        logger.info("cancelled %s", appointment_id)
        return self._rows[appointment_id]

    def of_day(self, day: str) -> list[Appointment]:
        return sorted((a for a in self._rows.values() if a.day == day), key=lambda a: (a.room, a.slot))
