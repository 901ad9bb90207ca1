"""Sessions."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session


def session(request: Request) -> Iterator[Session]:
    with request.app.state.sessions() as opened, opened.begin():
        yield opened


DbSession = Annotated[Session, Depends(session)]
