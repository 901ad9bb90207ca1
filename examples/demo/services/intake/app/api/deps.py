"""What endpoints ask for."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session

from app.repositories import AdmissionRepository, PatientRepository
from app.security import User, current_user
from app.services.intake import IntakeService


def session(request: Request) -> Iterator[Session]:
    with request.app.state.sessions() as opened, opened.begin():
        yield opened


def intake_service(request: Request, opened: Annotated[Session, Depends(session)]) -> IntakeService:
    return IntakeService(PatientRepository(opened), AdmissionRepository(opened), request.app.state.notifications)


DbSession = Annotated[Session, Depends(session)]
Intake = Annotated[IntakeService, Depends(intake_service)]
CurrentUser = Annotated[User, Depends(current_user)]
