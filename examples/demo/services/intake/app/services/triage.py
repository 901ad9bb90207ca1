"""Urgency from vital signs. Pure: no database, no network, no framework."""

import logging
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

RED_FLAGS = ("chest pain", "shortness of breath", "stroke", "unconscious")


@dataclass(frozen=True)
class Vitals:
    heart_rate: int
    systolic: int
    temperature_c: float


@dataclass
class Urgency:
    level: int = 5
    because: list[str] = field(default_factory=list)

    def raise_to(self, level: int, reason: str) -> None:
        if level < self.level:
            self.level = level
        self.because.append(reason)


def assess(vitals: Vitals, complaint: str) -> Urgency:
    urgency = Urgency()
    if any(flag in complaint.lower() for flag in RED_FLAGS):
        urgency.raise_to(2, "red flag in the complaint")
    if vitals.heart_rate > 130 or vitals.heart_rate < 40:
        urgency.raise_to(2, "heart rate")
    if vitals.systolic < 90:
        urgency.raise_to(1, "blood pressure")
    if vitals.temperature_c >= 39.5:
        urgency.raise_to(3, "temperature")
    logger.info("triage gave level %d for %d reasons", urgency.level, len(urgency.because))
    return urgency
