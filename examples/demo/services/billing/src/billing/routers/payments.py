"""Taking and returning money."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, status

from billing.database import DbSession
from billing.repositories import Ledger
from billing.schemas import PaymentIn, PaymentOut, RefundIn
from billing.security import User, current_user
from billing.services.payments import Declined, PaymentService

router = APIRouter()


@router.post("", status_code=status.HTTP_201_CREATED)
def pay(
    request: Request, payment: PaymentIn, session: DbSession, user: Annotated[User, Depends(current_user)]
) -> PaymentOut:
    try:
        paid = PaymentService(Ledger(session), request.app.state.gateway).charge(payment)
    except Declined as error:
        raise HTTPException(status.HTTP_402_PAYMENT_REQUIRED, str(error)) from error
    return PaymentOut(id=paid.id, state=paid.state)


@router.get("/{payment_id}", dependencies=[Depends(current_user)])
def get_payment(payment_id: str, session: DbSession) -> PaymentOut:
    payment = Ledger(session).payment(payment_id)
    if payment is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return PaymentOut(id=payment.id, state=payment.state)


@router.post("/{payment_id}/refunds", status_code=status.HTTP_202_ACCEPTED)
def refund(payment_id: str, refund: RefundIn, request: Request, session: DbSession) -> PaymentOut:
    payment = Ledger(session).payment(payment_id)
    if payment is None or refund.amount_cents > payment.amount_cents:
        raise HTTPException(status.HTTP_409_CONFLICT)
    request.app.state.refunds.put(payment.id, refund.amount_cents, refund.reason)
    return PaymentOut(id=payment.id, state="refunding")
