"""Rules about visits. Standard library only; the views and the nightly job use them."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from portal.privacy import blur, row_label

logger = logging.getLogger("portal.visits")

REMIND_BEFORE = timedelta(days=2)
OVERDUE_AFTER = timedelta(days=365)


@dataclass(frozen=True)
class PlannedVisit:
    key: int
    patient_key: int
    full_name: str
    email: str
    day: date
    room: str = ""
    cancelled: bool = False


def upcoming(visits: Iterable[PlannedVisit], today: date) -> list[PlannedVisit]:
    return sorted((v for v in visits if v.day >= today and not v.cancelled), key=lambda v: (v.day, v.key))


def next_visit(visits: Iterable[PlannedVisit], today: date) -> PlannedVisit | None:
    return next(iter(upcoming(visits, today)), None)


def due_for_reminder(visits: Iterable[PlannedVisit], today: date) -> list[PlannedVisit]:
    due = [v for v in upcoming(visits, today) if v.day - today <= REMIND_BEFORE]
    logger.info("%d reminders are due", len(due))
    return due


def remind(visit: PlannedVisit, outbox: list[str]) -> None:
    outbox.append(f"{visit.day.isoformat()}: your visit in room {visit.room or 'to be told'}")
    logger.info("reminded %s of %s", visit.email, visit.day)


def overdue(visits: Iterable[PlannedVisit], today: date) -> list[int]:
    """Patients whose last visit is more than a year ago, by key."""
    last: dict[int, date] = {}
    for visit in visits:
        if not visit.cancelled and visit.day <= today:
            last[visit.patient_key] = max(visit.day, last.get(visit.patient_key, visit.day))
    return sorted(key for key, day in last.items() if today - day > OVERDUE_AFTER)


def move(visit: PlannedVisit, to: date, today: date) -> PlannedVisit:
    if to < today:
        logger.warning("%s cannot move into the past", row_label("visit", visit.key))
        raise ValueError("in the past")
    logger.info("%s moves for %s", row_label("visit", visit.key), blur(visit.full_name))
    return PlannedVisit(visit.key, visit.patient_key, visit.full_name, visit.email, to, visit.room)


def conflicts(visits: Iterable[PlannedVisit]) -> list[tuple[int, int]]:
    """Pairs of visits that want one room on one day."""
    seen: dict[tuple[date, str], int] = {}
    pairs = []
    for visit in sorted(visits, key=lambda v: v.key):
        if visit.cancelled or not visit.room:
            continue
        place = (visit.day, visit.room)
        if place in seen:
            pairs.append((seen[place], visit.key))
        else:
            seen[place] = visit.key
    return pairs
