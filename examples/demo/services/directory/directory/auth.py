"""Staff, as the identity provider knows them."""

from typing import Annotated

import jwt
from fastapi import Depends, HTTPException, status
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from directory.config import Settings, get_settings

bearer = HTTPBearer()


class Staff:
    def __init__(self, subject: str, groups: list[str]) -> None:
        self.subject = subject
        self.groups = groups


def require_staff(
    credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)],
    settings: Annotated[Settings, Depends(get_settings)],
) -> Staff:
    try:
        key = jwt.PyJWKClient(settings.issuer + "/keys").get_signing_key_from_jwt(credentials.credentials)
        claims = jwt.decode(
            credentials.credentials, key.key, algorithms=["ES256"], audience=settings.audience, issuer=settings.issuer
        )
    except jwt.PyJWTError as error:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "invalid token") from error
    return Staff(claims["sub"], claims.get("groups", []))
