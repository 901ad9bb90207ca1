"""Tables. One patient has many admissions; documents hang on admissions."""

from datetime import date, datetime

from sqlalchemy import Date, DateTime, ForeignKey, String, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    pass


class Patient(Base):
    __tablename__ = "patients"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    full_name: Mapped[str] = mapped_column(String(200))
    date_of_birth: Mapped[date] = mapped_column(Date)
    ssn: Mapped[str] = mapped_column(String(11), unique=True)
    email: Mapped[str | None] = mapped_column(String(254))
    phone_number: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    admissions: Mapped[list["Admission"]] = relationship(back_populates="patient")


class Admission(Base):
    __tablename__ = "admissions"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    patient_id: Mapped[str] = mapped_column(ForeignKey("patients.id"))
    ward: Mapped[str] = mapped_column(String(40))
    chief_complaint: Mapped[str] = mapped_column(Text)
    diagnosis: Mapped[str | None] = mapped_column(Text)
    triage_level: Mapped[int]
    admitted_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    patient: Mapped[Patient] = relationship(back_populates="admissions")


class Document(Base):
    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    admission_id: Mapped[str] = mapped_column(ForeignKey("admissions.id"))
    object_key: Mapped[str] = mapped_column(String(300))
    media_type: Mapped[str] = mapped_column(String(80))
    size_bytes: Mapped[int]


class Account(Base):
    __tablename__ = "accounts"

    id: Mapped[str] = mapped_column(String(26), primary_key=True)
    login: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    clinic: Mapped[str] = mapped_column(String(40))
