"""The nightly sync from payroll. Standard library only: it also runs on the payroll host.

The CRM's reconciliation job reads the log of this one. Its lines are a contract (tests/test_sync.py).
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

logger = logging.getLogger("directory.sync")


@dataclass(frozen=True)
class PayrollRow:
    personnel_number: str
    full_name: str
    email: str
    active: bool


def changed_rows(before: dict[str, PayrollRow], rows: Iterable[PayrollRow]) -> list[PayrollRow]:
    return [row for row in rows if before.get(row.personnel_number) != row]


def sync_people(before: dict[str, PayrollRow], rows: Iterable[PayrollRow]) -> int:
    changed = changed_rows(before, rows)
    for person in changed:
        before[person.personnel_number] = person
        logger.info("synced %s", person.email)
    report(len(before), len(changed))
    return len(changed)


def report(total: int, changed: int) -> None:
    logger.info("sync done: %d of %d people changed, full_name and email included", changed, total)
