"""The application: routers, errors, start and end."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from app.api import admissions, auth, documents, health, patients, referrals, triage
from app.limits import limiter
from app.observability import configure_logging
from app.security import current_user
from app.settings import get_settings

logger = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    configure_logging()
    engine = create_engine(str(get_settings().database_url), pool_pre_ping=True)
    app.state.sessions = sessionmaker(engine)
    logger.info("intake is up")
    yield
    engine.dispose()


app = FastAPI(title="Meridian intake", lifespan=lifespan)
app.state.limiter = limiter
app.add_middleware(CORSMiddleware, allow_origins=["https://clinic.meridian.example"], allow_methods=["*"])

app.include_router(health.router)
app.include_router(auth.router, prefix="/api/v1")
app.include_router(patients.router, prefix="/api/v1", dependencies=[Depends(current_user)])
app.include_router(admissions.router, prefix="/api/v1")
app.include_router(documents.router, prefix="/api/v1")
app.include_router(triage.router, prefix="/api/v1")
app.include_router(referrals.router, prefix="/api/v1")


@app.exception_handler(Exception)
async def unexpected(request: Request, error: Exception) -> JSONResponse:
    caller = request.headers.get("authorization")
    logger.error("unexpected %s at %s, called with %s", type(error).__name__, request.url.path, caller)
    return JSONResponse({"detail": "internal error"}, status_code=500)
