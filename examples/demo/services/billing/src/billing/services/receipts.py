"""Receipts and reminders, and the summaries that a language model writes of long invoices."""

import logging

import httpx

from billing.models import Customer, Invoice
from billing.redaction import mask

logger = logging.getLogger(__name__)


class ReceiptService:
    def __init__(self, mailer: httpx.Client) -> None:
        self.mailer = mailer

    def render(self, email_template: str, invoice: Invoice) -> str:
        logger.debug("email_template is %s", email_template)
        return email_template.replace("{total}", f"{invoice.total_cents / 100:.2f} {invoice.currency}")

    def send(self, customer: Customer, text: str) -> None:
        recipient = mask(customer.email)
        self.mailer.post("/mails", json={"to": customer.email, "text": text})
        logger.info("receipt sent to %s", recipient)


class InvoiceSummariser:
    def __init__(self, model: httpx.Client) -> None:
        self.model = model

    def summarise(self, text: str, max_tokens: int = 400) -> str:
        answer = self.model.post("/generate", json={"prompt": text, "max_tokens": max_tokens}).json()
        token_count = answer["usage"]["total"]
        logger.info("summary used %d of %d tokens", token_count, max_tokens, extra={"token_count": token_count})
        return answer["text"]
