"""Sessions and queries."""

import logging
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from directory.models import Person, Team

logger = logging.getLogger(__name__)


def session(request: Request) -> Iterator[Session]:
    with request.app.state.sessions() as opened, opened.begin():
        yield opened


Db = Annotated[Session, Depends(session)]


def search_people(db: Session, text: str, limit: int) -> list[Person]:
    like = f"%{text}%"
    query = select(Person).where(Person.active, or_(Person.full_name.ilike(like), Person.email.ilike(like))).limit(limit)
    rows = list(db.scalars(query))
    logger.debug("search by name or email gave %d people", len(rows))
    return rows


def team_by_name(db: Session, name: str) -> Team | None:
    return db.scalars(select(Team).where(Team.name == name)).first()
