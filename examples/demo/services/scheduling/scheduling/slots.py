"""When somebody can be seen. Times are minutes since midnight of the clinic's day; nothing here knows of HTTP."""

from collections.abc import Iterable
from dataclasses import dataclass, field

QUARTER = 15


@dataclass(frozen=True, order=True)
class Slot:
    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= 24 * 60:
            raise ValueError(f"no such slot: {self.start}-{self.end}")

    @property
    def minutes(self) -> int:
        return self.end - self.start

    def overlaps(self, other: "Slot") -> bool:
        return self.start < other.end and other.start < self.end

    def holds(self, other: "Slot") -> bool:
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True)
class OpeningHours:
    """Opening hours of one day, with its breaks."""

    opens: Slot
    breaks: tuple[Slot, ...] = field(default=())

    def parts(self) -> list[Slot]:
        """The day without its breaks."""
        parts, at = [], self.opens.start
        for pause in sorted(self.breaks):
            if at < pause.start:
                parts.append(Slot(at, pause.start))
            at = max(at, pause.end)
        if at < self.opens.end:
            parts.append(Slot(at, self.opens.end))
        return parts


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def parse_clock(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    if not colon or not hours.isdigit() or not minutes.isdigit() or int(minutes) > 59:
        raise ValueError(f"no time of day: {text!r}")
    return int(hours) * 60 + int(minutes)


def gaps(hours: OpeningHours, taken: Iterable[Slot]) -> list[Slot]:
    """What is free, in order."""
    busy = sorted(taken)
    free: list[Slot] = []
    for part in hours.parts():
        at = part.start
        for slot in busy:
            if not slot.overlaps(part):
                continue
            if at < slot.start:
                free.append(Slot(at, slot.start))
            at = max(at, slot.end)
        if at < part.end:
            free.append(Slot(at, part.end))
    return free


def offers(hours: OpeningHours, taken: Iterable[Slot], minutes: int, step: int = QUARTER) -> list[Slot]:
    """Every beginning that still fits, on the quarter of an hour."""
    if minutes <= 0:
        raise ValueError("an appointment takes time")
    found = []
    for gap in gaps(hours, taken):
        at = -(-gap.start // step) * step
        while at + minutes <= gap.end:
            found.append(Slot(at, at + minutes))
            at += step
    return found


def fits(hours: OpeningHours, taken: Iterable[Slot], wanted: Slot) -> bool:
    return any(gap.holds(wanted) for gap in gaps(hours, taken))


def utilisation(hours: OpeningHours, taken: Iterable[Slot]) -> float:
    """How much of the day is taken, between nothing and one."""
    whole = sum(part.minutes for part in hours.parts())
    free = sum(gap.minutes for gap in gaps(hours, taken))
    return 0.0 if whole == 0 else (whole - free) / whole
