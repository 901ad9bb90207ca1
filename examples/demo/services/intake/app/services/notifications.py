"""Text messages to patients, pages to wards."""

import logging
from string import Template

import httpx

from app.models import Patient
from app.observability import mask

logger = logging.getLogger(__name__)


class NotificationService:
    def __init__(self, client: httpx.Client, email_template: Template) -> None:
        self.client = client
        self.email_template = email_template

    def send_sms(self, patient: Patient, text: str) -> None:
        recipient = patient.phone_number
        if recipient is None:
            return
        self.client.post("/messages", json={"to": recipient, "text": text})
        logger.debug("text message sent to %s", recipient)

    def send_email(self, patient: Patient, subject: str) -> None:
        body = self.email_template.substitute(subject=subject)
        self.client.post("/mails", json={"to": patient.email, "subject": subject, "body": body})
        logger.info("reminder sent to %s", mask(patient.email))

    def reload_template(self, path: str) -> None:
        with open(path, encoding="utf-8") as file:
            email_template = file.read()
        self.email_template = Template(email_template)
        logger.info("email_template reloaded, %d characters", len(email_template))

    def page_ward(self, ward: str, level: int) -> None:
        self.client.post("/pages", json={"ward": ward, "level": level})
        logger.info("paged ward %s for a level %d admission", ward, level)  # noqa: G004
