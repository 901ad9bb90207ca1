"""Asks the payer whether an admission is covered."""

import logging
from dataclasses import dataclass

import httpx

from app.models import Admission, Patient

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Eligibility:
    covered: bool
    plan: str | None
    copay_cents: int | None


class EligibilityService:
    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def check(self, patient: Patient, admission: Admission) -> Eligibility:
        answer = self.client.post("/v2/eligibility", json={"ssn": patient.ssn, "diagnosis": admission.diagnosis})
        answer.raise_for_status()
        body = answer.json()
        logger.info(
            "eligibility checked",
            extra={"ward": admission.ward, "diagnosis": admission.diagnosis, "covered": body["covered"]},
        )
        return Eligibility(covered=body["covered"], plan=body.get("plan"), copay_cents=body.get("copay_cents"))

    def warm_up(self) -> None:
        answer = self.client.get("/v2/status")
        logger.info("eligibility service answers %d in %.0f ms", answer.status_code, answer.elapsed.total_seconds() * 1000)
