"""Invoices, for people of the revenue team."""

from fastapi import APIRouter, Depends, HTTPException, status

from billing.database import DbSession
from billing.repositories import Ledger
from billing.schemas import InvoiceOut
from billing.security import current_user

router = APIRouter(prefix="/invoices", tags=["invoices"], dependencies=[Depends(current_user)])


@router.get("")
def list_invoices(session: DbSession, limit: int = 100) -> list[InvoiceOut]:
    rows = Ledger(session).invoices(min(limit, 500))
    return [InvoiceOut(id=i.id, total_cents=i.total_cents, currency=i.currency) for i in rows]


@router.get("/{invoice_id}")
def get_invoice(invoice_id: str, session: DbSession) -> InvoiceOut:
    invoice = Ledger(session).invoice(invoice_id)
    if invoice is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return InvoiceOut(id=invoice.id, total_cents=invoice.total_cents, currency=invoice.currency)
