"""Patients. The router is included behind `current_user`, see `app.main`."""

from fastapi import APIRouter, HTTPException, status

from app.api.deps import DbSession, Intake
from app.models import Patient
from app.repositories import PatientRepository
from app.schemas import PatientChange, PatientIn, PatientOut
from app.services.intake import UnknownPatient

router = APIRouter(prefix="/patients", tags=["patients"])


def shown(patient: Patient) -> PatientOut:
    return PatientOut(id=patient.id, full_name=patient.full_name, date_of_birth=patient.date_of_birth)


@router.get("")
def list_patients(session: DbSession, after: str | None = None, limit: int = 50) -> list[PatientOut]:
    return [shown(p) for p in PatientRepository(session).page(after, min(limit, 200))]


@router.post("", status_code=status.HTTP_201_CREATED)
def register_patient(request: PatientIn, intake: Intake) -> PatientOut:
    return shown(intake.register(request))


@router.get("/{patient_id}")
def get_patient(patient_id: str, session: DbSession) -> PatientOut:
    patient = PatientRepository(session).get(patient_id)
    if patient is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return shown(patient)


@router.patch("/{patient_id}")
def change_patient(patient_id: str, change: PatientChange, intake: Intake) -> PatientOut:
    try:
        return shown(intake.update(patient_id, change))
    except UnknownPatient as error:
        raise HTTPException(status.HTTP_404_NOT_FOUND) from error
