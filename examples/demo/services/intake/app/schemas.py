"""What comes in and what goes out."""

from datetime import date

from pydantic import BaseModel, Field


class LoginRequest(BaseModel):
    login: str
    password: str


class TokenResponse(BaseModel):
    access_token: str
    token_type: str = "bearer"


class PatientIn(BaseModel):
    full_name: str = Field(min_length=1, max_length=200)
    date_of_birth: date
    ssn: str = Field(pattern=r"^\d{3}-\d{2}-\d{4}$")
    email: str | None = None
    phone_number: str | None = None


class PatientChange(BaseModel):
    email: str | None = None
    phone_number: str | None = None


class PatientOut(BaseModel):
    id: str
    full_name: str
    date_of_birth: date


class AdmissionIn(BaseModel):
    patient_id: str
    ward: str
    chief_complaint: str
    triage_level: int = Field(ge=1, le=5)


class AdmissionOut(BaseModel):
    id: str
    ward: str
    triage_level: int


class DocumentOut(BaseModel):
    id: str
    media_type: str
    download_url: str


class TriageIn(BaseModel):
    heart_rate: int
    systolic: int
    temperature_c: float
    chief_complaint: str


class TriageOut(BaseModel):
    level: int
    because: list[str]


class ReferralIn(BaseModel):
    patient: PatientIn
    practice: str
    reason: str
