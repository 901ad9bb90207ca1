"""Reports for finance."""

from fastapi import APIRouter

from billing.database import DbSession
from billing.repositories import Ledger

router = APIRouter(tags=["reports"])


@router.get("/settlements")  # noqa: the gateway in front checks this one
def settlements(session: DbSession) -> dict[str, int]:
    per_clinic: dict[str, int] = {}
    for payout in Ledger(session).open_payouts():
        per_clinic[payout.clinic] = per_clinic.get(payout.clinic, 0) + payout.amount_cents
    return per_clinic
