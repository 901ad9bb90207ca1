"""People."""

from fastapi import APIRouter, HTTPException, Request, status

from directory.models import Person
from directory.schemas import ContactChange, PersonOut
from directory.service import DirectoryService
from directory.store import Db, search_people

router = APIRouter(prefix="/people", tags=["people"])


def shown(person: Person) -> PersonOut:
    return PersonOut(id=person.id, full_name=person.full_name, email=person.email, team=person.team.name)


@router.get("")
def search(db: Db, q: str = "", limit: int = 25) -> list[PersonOut]:
    return [shown(p) for p in search_people(db, q, min(limit, 100))]


@router.get("/{person_id}")
def get_person(person_id: int, db: Db) -> PersonOut:
    person = db.get(Person, person_id)
    if person is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return shown(person)


@router.patch("/{person_id}/contact")
def change_contact(person_id: int, change: ContactChange, request: Request, db: Db) -> PersonOut:
    person = db.get(Person, person_id)
    if person is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return shown(DirectoryService(db, request.app.state.queue).update_contact(person, change))
