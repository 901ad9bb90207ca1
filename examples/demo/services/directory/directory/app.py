"""The application. Every route of it asks for staff."""

import logging

from fastapi import Depends, FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from directory.api import people, teams
from directory.api.admin import admin_app
from directory.api.ops import ops_app
from directory.auth import require_staff
from directory.config import get_settings

logger = logging.getLogger(__name__)

app = FastAPI(title="Meridian directory", dependencies=[Depends(require_staff)])
app.include_router(people.router)
app.include_router(teams.router)
app.mount("/admin", admin_app)
app.mount("/internal", ops_app)


def open_database() -> None:
    sessions = sessionmaker(create_engine(get_settings().database_url, pool_pre_ping=True))
    for part in (app, admin_app):
        part.state.sessions = sessions
    logger.info("database is open")


@app.get("/version")
def version() -> dict[str, str]:
    return {"version": "4.2.0"}
