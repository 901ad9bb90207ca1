"""Stand-ins for tests: a payer that answers at once and a patient who does not exist."""

import logging

from fastapi import FastAPI

logger = logging.getLogger(__name__)
payer = FastAPI()


@payer.post("/v2/eligibility")
def eligibility(question: dict) -> dict:
    logger.info("asked for %s", question["ssn"])
    return {"covered": True, "plan": "standard", "copay_cents": 1500}
