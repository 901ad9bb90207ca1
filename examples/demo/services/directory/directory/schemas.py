"""What comes in and what goes out. Home addresses go out to nobody."""

from pydantic import BaseModel


class PersonOut(BaseModel):
    id: int
    full_name: str
    email: str
    team: str


class ContactChange(BaseModel):
    email: str | None = None
    phone_number: str | None = None
    home_address: str | None = None


class TeamIn(BaseModel):
    name: str


class ExportOut(BaseModel):
    id: str
    rows: int
    download_url: str
