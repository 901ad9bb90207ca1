"""Referrals from partner practices."""

from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Request, status

from app.api.deps import CurrentUser
from app.limits import limiter
from app.schemas import ReferralIn
from app.security import User, optional_user

router = APIRouter(prefix="/referrals", tags=["referrals"])


@router.post("", status_code=status.HTTP_202_ACCEPTED)
@limiter.limit("60/minute")
def refer(referral: ReferralIn, request: Request, user: CurrentUser) -> dict[str, str]:
    reference = uuid4().hex
    request.app.state.referrals.put(reference, user.clinic, referral)
    return {"reference": reference}


@router.get("/{reference}")
def get_referral(
    reference: str, request: Request, user: Annotated[User | None, Depends(optional_user)]
) -> dict[str, object]:
    found = request.app.state.referrals.get(reference)
    return {"reference": reference, "referral": found, "mine": user is not None and found.clinic == user.clinic}
