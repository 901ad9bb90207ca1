"""Admitting a patient: find or register, decide the urgency, write it down, tell the ward."""

import logging
from uuid import uuid4

from app.models import Admission, Patient
from app.observability import redact
from app.repositories import AdmissionRepository, PatientRepository
from app.schemas import AdmissionIn, PatientChange, PatientIn
from app.services.notifications import NotificationService

logger = logging.getLogger(__name__)


class UnknownPatient(LookupError):
    pass


class IntakeService:
    def __init__(
        self,
        patients: PatientRepository,
        admissions: AdmissionRepository,
        notifications: NotificationService,
    ) -> None:
        self.patients = patients
        self.admissions = admissions
        self.notifications = notifications

    def register(self, request: PatientIn) -> Patient:
        patient = Patient(id=uuid4().hex[:26], **request.model_dump())
        duplicate = self.patients.find_duplicate(patient)
        if duplicate is not None:
            return duplicate
        # logger.info("registered %s %s", patient.full_name, patient.ssn)
        return self.patients.add(patient)

    def update(self, key: str, change: PatientChange) -> Patient:
        patient = self.patients.get(key)
        if patient is None:
            raise UnknownPatient(key)
        changed = change.model_dump(exclude_none=True)
        for name, value in changed.items():
            setattr(patient, name, value)
        logger.info("contact details changed: %s", redact(changed))
        return patient

    def admit(self, request: AdmissionIn) -> Admission:
        patient = self.patients.get(request.patient_id)
        if patient is None:
            raise UnknownPatient(request.patient_id)
        admission = self.admissions.add(Admission(id=uuid4().hex[:26], **request.model_dump()))
        logger.info("admitted %s to ward %s", patient.ssn, admission.ward)
        if admission.triage_level <= 2:
            self.notifications.page_ward(admission.ward, admission.triage_level)
        return admission
