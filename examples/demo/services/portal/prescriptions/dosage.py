"""Rules about doses and about what must not be taken together. Standard library only."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from portal.privacy import blur

logger = logging.getLogger("portal.dosage")

# Pairs that need a person's word, as the pharmacy board lists them.
INTERACTIONS: Mapping[frozenset[str], str] = {
    frozenset({"warfarin", "ibuprofen"}): "bleeding",
    frozenset({"warfarin", "aspirin"}): "bleeding",
    frozenset({"sildenafil", "nitroglycerin"}): "low blood pressure",
    frozenset({"lithium", "ibuprofen"}): "lithium rises",
    frozenset({"simvastatin", "clarithromycin"}): "muscle damage",
}


@dataclass(frozen=True)
class Course:
    key: int
    patient_name: str
    medication: str
    per_day: int
    pills: int
    begins: date

    def lasts_until(self) -> date:
        if self.per_day <= 0:
            raise ValueError("a course has at least one dose a day")
        return self.begins + timedelta(days=max(0, -(-self.pills // self.per_day) - 1))


def interactions(medications: Iterable[str]) -> list[tuple[str, str, str]]:
    names = sorted({name.strip().lower() for name in medications})
    found = []
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            why = INTERACTIONS.get(frozenset({one, other}))
            if why:
                found.append((one, other, why))
    logger.info("checked %d names, %d interactions", len(names), len(found))
    return found


def needs_refill(courses: Iterable[Course], today: date, ahead: int = 5) -> list[Course]:
    """Courses that end within some days, the first to end first."""
    ending = [c for c in courses if today <= c.lasts_until() <= today + timedelta(days=ahead)]
    for course in ending:
        logger.info("refill %d of %s is due", course.key, course.medication)
    return sorted(ending, key=lambda c: (c.lasts_until(), c.key))


def check_dose(course: Course, limit: int) -> bool:
    if course.per_day > limit:
        logger.warning("course %d of %s is above its limit", course.key, blur(course.patient_name))
        return False
    return True


def schedule(course: Course, wakes: int = 7, sleeps: int = 22) -> list[int]:
    """Hours of the day at which it is taken, spread over the waking day."""
    if course.per_day == 1:
        return [wakes + 1]
    span = sleeps - wakes
    return [wakes + round(n * span / (course.per_day - 1)) for n in range(course.per_day)]
