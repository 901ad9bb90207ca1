"""Sums in cents. Standard library only."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    text: str
    quantity: int
    unit_cents: int
    vat_permille: int = 190


def total_cents(lines: Iterable[Line]) -> int:
    """Rounded half up, per line, as the tax office wants it."""
    total = 0
    for line in lines:
        net = line.quantity * line.unit_cents
        total += net + (net * line.vat_permille + 500) // 1000
    return total


def refundable_cents(paid_cents: int, refunded_cents: Iterable[int]) -> int:
    left = paid_cents - sum(refunded_cents)
    if left < 0:
        logger.error("refunds exceed the payment by %d cents", -left)
    return max(left, 0)
