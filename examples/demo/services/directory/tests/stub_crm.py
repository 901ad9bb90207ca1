"""A CRM for local runs: takes what it gets and says so."""

import logging

from fastapi import FastAPI

logger = logging.getLogger("stub")
crm = FastAPI()


@crm.post("/contacts")
def take_contact(contact: dict) -> dict:
    email = contact["email"]
    logger.info("took %s", email)
    return {"ok": True}
