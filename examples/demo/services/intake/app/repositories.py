"""Reading and writing patients, admissions and documents."""

import logging

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Account, Admission, Document, Patient

logger = logging.getLogger(__name__)


class PatientRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def get(self, key: str) -> Patient | None:
        return self.session.get(Patient, key)

    def page(self, after: str | None, limit: int) -> list[Patient]:
        query = select(Patient).order_by(Patient.id).limit(limit)
        if after:
            query = query.where(Patient.id > after)
        rows = list(self.session.scalars(query))
        logger.debug("patient page has %d rows", len(rows))
        return rows

    def find_duplicate(self, patient: Patient) -> Patient | None:
        query = select(Patient).where(Patient.ssn == patient.ssn)
        found = self.session.scalars(query).first()
        if found is not None:
            logger.warning(f"{patient.full_name}, born {patient.date_of_birth}, is registered already")
        return found

    def add(self, patient: Patient) -> Patient:
        self.session.add(patient)
        self.session.flush()
        return patient


class AdmissionRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def add(self, admission: Admission) -> Admission:
        self.session.add(admission)
        self.session.flush()
        return admission

    def open_on(self, ward: str) -> list[Admission]:
        return list(self.session.scalars(select(Admission).where(Admission.ward == ward)))


class DocumentRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def get(self, key: str) -> Document | None:
        return self.session.get(Document, key)

    def add(self, document: Document) -> None:
        self.session.add(document)

    def remove(self, document: Document) -> None:
        self.session.delete(document)


class AccountRepository:
    def __init__(self, session: Session) -> None:
        self.session = session

    def by_login(self, login: str) -> Account | None:
        return self.session.scalars(select(Account).where(Account.login == login)).first()
