"""Reading and writing invoices, payments and payouts."""

from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from billing.models import Customer, Invoice, Payment, Payout


class Ledger:
    def __init__(self, session: Session) -> None:
        self.session = session

    def invoice(self, key: str) -> Invoice | None:
        return self.session.get(Invoice, key)

    def invoices(self, limit: int) -> list[Invoice]:
        return list(self.session.scalars(select(Invoice).order_by(Invoice.issued_at.desc()).limit(limit)))

    def payment(self, key: str) -> Payment | None:
        return self.session.get(Payment, key)

    def record(self, payment: Payment) -> Payment:
        self.session.add(payment)
        self.session.flush()
        return payment

    def payout(self, key: str) -> Payout | None:
        return self.session.get(Payout, key)

    def payouts_of(self, clinic: str) -> list[Payout]:
        return list(self.session.scalars(select(Payout).where(Payout.clinic == clinic)))

    def open_payouts(self) -> list[Payout]:
        return list(self.session.scalars(select(Payout).where(Payout.paid_at.is_(None))))

    def customers(self) -> Iterator[Customer]:
        yield from self.session.scalars(select(Customer).execution_options(yield_per=500))
