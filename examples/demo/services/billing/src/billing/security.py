"""Two kinds of callers: people with a token, clinic systems with a key."""

import hashlib
import hmac
import logging
from typing import Annotated

import jwt
from fastapi import Depends, Header, HTTPException, Request, status
from fastapi.security import APIKeyHeader, OAuth2AuthorizationCodeBearer
from pydantic import BaseModel

from billing.settings import Settings, get_settings

logger = logging.getLogger(__name__)

staff_scheme = OAuth2AuthorizationCodeBearer(
    authorizationUrl="https://id.meridian.example/authorize", tokenUrl="https://id.meridian.example/token"
)
key_scheme = APIKeyHeader(name="X-Api-Key")


class User(BaseModel):
    subject: str
    roles: frozenset[str]


class Clinic(BaseModel):
    code: str


def current_user(
    token: Annotated[str, Depends(staff_scheme)], settings: Annotated[Settings, Depends(get_settings)]
) -> User:
    try:
        key = jwt.PyJWKClient(settings.jwks_url).get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key.key, algorithms=["RS256"], audience=settings.audience)
    except jwt.PyJWTError as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "invalid token") from error
    return User(subject=claims["sub"], roles=frozenset(claims.get("roles", ())))


def verify_api_key(request: Request, api_key: Annotated[str, Depends(key_scheme)]) -> Clinic:
    digest = hashlib.sha256(api_key.encode()).hexdigest()
    clinic = request.app.state.clinics.by_key_digest(digest)
    if clinic is None:
        logger.warning("refused the api key %s" % api_key)
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "unknown key")
    return clinic


async def verify_signature(
    request: Request,
    signature: Annotated[str, Header(alias="Gateway-Signature")],
    settings: Annotated[Settings, Depends(get_settings)],
) -> bytes:
    """The body of a gateway call, once its signature is ours."""
    body = await request.body()
    expected = hmac.new(settings.webhook_secret.get_secret_value().encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, signature):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "signature does not match")
    return body
