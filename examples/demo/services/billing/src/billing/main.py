"""Builds the application."""

import logging

import sentry_sdk
from fastapi import FastAPI
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from billing.routers import api_router, reports
from billing.settings import Settings, get_settings

API_PREFIX = "/v1"

logger = logging.getLogger(__name__)


def create_app(settings: Settings | None = None) -> FastAPI:
    settings = settings or get_settings()
    sentry_sdk.init(send_default_pii=False)

    app = FastAPI(title="Meridian billing")
    app.state.sessions = sessionmaker(create_engine(str(settings.database_url), pool_pre_ping=True))
    app.include_router(api_router, prefix=API_PREFIX)
    app.include_router(reports.router, prefix="/v1/reports")

    @app.get("/healthz", include_in_schema=False)
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    logger.info("billing is up")
    return app
