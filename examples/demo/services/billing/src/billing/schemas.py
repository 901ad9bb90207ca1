"""What comes in and what goes out."""

from pydantic import BaseModel, Field


class Card(BaseModel):
    card_number: str = Field(min_length=12, max_length=19)
    cvv: str = Field(min_length=3, max_length=4)
    expiry_month: int = Field(ge=1, le=12)
    expiry_year: int
    brand: str = "unknown"


class PaymentIn(BaseModel):
    invoice_id: str
    amount_cents: int = Field(gt=0)
    card: Card


class PaymentOut(BaseModel):
    id: str
    state: str


class RefundIn(BaseModel):
    amount_cents: int = Field(gt=0)
    reason: str


class InvoiceOut(BaseModel):
    id: str
    total_cents: int
    currency: str


class PayoutOut(BaseModel):
    id: str
    clinic: str
    amount_cents: int


class CardOut(BaseModel):
    brand: str
    expires: str
