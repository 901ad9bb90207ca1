"""Payouts to clinics. Clinic systems ask for theirs, the revenue team settles all of them."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, status

from billing.database import DbSession
from billing.repositories import Ledger
from billing.schemas import PayoutOut
from billing.security import Clinic, User, current_user, verify_api_key

router = APIRouter(prefix="/payouts", tags=["payouts"])


@router.get("")
def my_payouts(session: DbSession, clinic: Annotated[Clinic, Depends(verify_api_key)]) -> list[PayoutOut]:
    rows = Ledger(session).payouts_of(clinic.code)
    return [PayoutOut(id=p.id, clinic=p.clinic, amount_cents=p.amount_cents) for p in rows]


@router.post("/runs", status_code=status.HTTP_202_ACCEPTED)
def start_run(request: Request, session: DbSession, user: Annotated[User, Depends(current_user)]) -> dict[str, int]:
    payouts = Ledger(session).open_payouts()
    request.app.state.payout_runs.start([p.id for p in payouts], user.subject)
    return {"payouts": len(payouts)}


@router.get("/{payout_id}")
def get_payout(payout_id: str, session: DbSession) -> PayoutOut:
    payout = Ledger(session).payout(payout_id)
    if payout is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return PayoutOut(id=payout.id, clinic=payout.clinic, amount_cents=payout.amount_cents)
