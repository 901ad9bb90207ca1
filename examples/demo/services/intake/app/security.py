"""Who is calling. Tokens are signed with our own key and live for a quarter of an hour."""

from datetime import UTC, datetime, timedelta

import jwt
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from fastapi import Depends, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from app.settings import Settings, get_settings

bearer = HTTPBearer()
lenient_bearer = HTTPBearer(auto_error=False)
hasher = PasswordHasher()


class User(BaseModel):
    id: str
    clinic: str
    roles: list[str] = []


def issue_token(user: User, settings: Settings) -> str:
    expires = datetime.now(UTC) + timedelta(seconds=settings.token_ttl_s)
    claims = {"sub": user.id, "clinic": user.clinic, "roles": user.roles, "aud": settings.jwt_audience, "exp": expires}
    return jwt.encode(claims, settings.jwt_private_key.get_secret_value(), algorithm="EdDSA")


def current_user(
    credentials: HTTPAuthorizationCredentials = Depends(bearer),
    settings: Settings = Depends(get_settings),
) -> User:
    try:
        claims = jwt.decode(
            credentials.credentials, settings.jwt_public_key, algorithms=["EdDSA"], audience=settings.jwt_audience
        )
    except jwt.InvalidTokenError as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "invalid token") from error
    return User(id=claims["sub"], clinic=claims["clinic"], roles=claims.get("roles", []))


def optional_user(
    credentials: HTTPAuthorizationCredentials | None = Depends(lenient_bearer),
    settings: Settings = Depends(get_settings),
) -> User | None:
    """The caller where there is one: for pages that greet by name and serve strangers as well."""
    if credentials is None:
        return None
    return current_user(credentials, settings)


def password_matches(stored_hash: str, password: str) -> bool:
    try:
        return hasher.verify(stored_hash, password)
    except VerifyMismatchError:
        return False
