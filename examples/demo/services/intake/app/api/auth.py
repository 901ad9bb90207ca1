"""Log-in and fresh tokens."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, status

from app.api.deps import CurrentUser, DbSession
from app.repositories import AccountRepository
from app.schemas import LoginRequest, TokenResponse
from app.security import User, issue_token, password_matches
from app.settings import Settings, get_settings

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/auth", tags=["auth"])


@router.post("/login")
def login(
    request: LoginRequest, session: DbSession, settings: Annotated[Settings, Depends(get_settings)]
) -> TokenResponse:
    account = AccountRepository(session).by_login(request.login)
    if account is None or not password_matches(account.password_hash, request.password):
        logger.warning("log-in refused: wrong password or unknown account")
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "log-in refused")
    return TokenResponse(access_token=issue_token(User(id=account.id, clinic=account.clinic), settings))


@router.post("/token/refresh")
def refresh(user: CurrentUser, settings: Annotated[Settings, Depends(get_settings)]) -> TokenResponse:
    return TokenResponse(access_token=issue_token(user, settings))
