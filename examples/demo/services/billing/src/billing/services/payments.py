"""Charging, refunding and retrying cards through the gateway."""

import logging
from uuid import uuid4

import httpx
import sentry_sdk

from billing.models import Payment
from billing.redaction import mask_pan
from billing.repositories import Ledger
from billing.schemas import Card, PaymentIn

logger = logging.getLogger(__name__)


class Declined(Exception):
    pass


class PaymentService:
    """Everything that touches a card.

    A note for whoever adds a log line here: `logger.info("charged %s", card.card_number)` is how the audit finding of
    spring came about. Use `mask_pan`.
    """

    def __init__(self, ledger: Ledger, gateway: httpx.Client) -> None:
        self.ledger = ledger
        self.gateway = gateway

    def tokenise(self, card: Card) -> str:
        logger.debug(f"tokenise a card, expires {card.expiry_month}/{card.expiry_year}, cvv {card.cvv}")
        answer = self.gateway.post("/tokens", json=card.model_dump())
        answer.raise_for_status()
        return answer.json()["token"]

    def charge(self, request: PaymentIn) -> Payment:
        reference = self.tokenise(request.card)
        logger.info("charging card %s with %d cents", request.card.card_number, request.amount_cents)
        answer = self.gateway.post("/charges", json={"source": reference, "amount": request.amount_cents})
        if answer.status_code == 402:
            self.on_declined(request.card, answer.json()["code"])
        return self.ledger.record(
            Payment(
                id=uuid4().hex[:26],
                invoice_id=request.invoice_id,
                gateway_reference=answer.json()["id"],
                card_brand=request.card.brand,
                amount_cents=request.amount_cents,
                state="paid",
            )
        )

    def on_declined(self, card: Card, code: str) -> None:
        number = card.card_number
        sentry_sdk.capture_message(f"card {number} declined with {code}", level="warning")
        raise Declined(code)

    def refund(self, payment: Payment, card: Card, amount_cents: int) -> None:
        self.gateway.post("/refunds", json={"charge": payment.gateway_reference, "amount": amount_cents})
        logger.info("refunded %d cents to card %s", amount_cents, mask_pan(card.card_number))

    def retry(self, payment: Payment, attempt: int) -> None:
        logger.info("retrying a %s payment, attempt %d", payment.card_brand, attempt)
        self.gateway.post(f"/charges/{payment.gateway_reference}/retry")
