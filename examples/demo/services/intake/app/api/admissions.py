"""Admissions; every route of this router asks for a caller."""

from fastapi import APIRouter, Depends, HTTPException, status

from app.api.deps import DbSession, Intake
from app.repositories import AdmissionRepository
from app.schemas import AdmissionIn, AdmissionOut
from app.security import current_user
from app.services.intake import UnknownPatient

router = APIRouter(prefix="/admissions", tags=["admissions"], dependencies=[Depends(current_user)])


@router.post("", status_code=status.HTTP_201_CREATED)
def admit(request: AdmissionIn, intake: Intake) -> AdmissionOut:
    try:
        admission = intake.admit(request)
    except UnknownPatient as error:
        raise HTTPException(status.HTTP_404_NOT_FOUND) from error
    return AdmissionOut(id=admission.id, ward=admission.ward, triage_level=admission.triage_level)


@router.get("/wards/{ward}")
def on_ward(ward: str, session: DbSession) -> list[AdmissionOut]:
    rows = AdmissionRepository(session).open_on(ward)
    return [AdmissionOut(id=a.id, ward=a.ward, triage_level=a.triage_level) for a in rows]
