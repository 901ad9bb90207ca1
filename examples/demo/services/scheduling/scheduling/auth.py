"""Who calls. Staff come with a token of the identity provider, patients with a link that lives for a day."""

import hashlib
import hmac
import logging
from functools import wraps

import jwt
from flask import abort, current_app, g, request

logger = logging.getLogger(__name__)

AUDIENCE = "scheduling"


def bearer() -> str:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value if scheme.lower() == "bearer" else ""


def verify(value: str) -> dict:
    key = current_app.config["JWKS"].get_signing_key_from_jwt(value).key
    return jwt.decode(value, key, algorithms=["ES256"], audience=AUDIENCE)


def require_staff() -> None:
    """For `before_request`: no token, no answer."""
    try:
        g.claims = verify(bearer())
    except jwt.PyJWTError:
        logger.warning("token refused at %s", request.path)
        abort(401)


def staff_only(view):
    """The same for one view."""

    @wraps(view)
    def guarded(*args, **kwargs):
        require_staff()
        return view(*args, **kwargs)

    return guarded


def staff_if_any(view):
    """Tells the view who calls where somebody says so; strangers pass."""

    @wraps(view)
    def told(*args, **kwargs):
        g.claims = None
        if bearer():
            try:
                g.claims = verify(bearer())
            except jwt.PyJWTError:
                logger.info("a stale token was ignored")
        return view(*args, **kwargs)

    return told


def link_signature(secret: bytes, appointment_id: str, day: str) -> str:
    return hmac.new(secret, f"{appointment_id}|{day}".encode(), hashlib.sha256).hexdigest()


def link_holds(secret: bytes, appointment_id: str, day: str, given: str) -> bool:
    return hmac.compare_digest(link_signature(secret, appointment_id, day), given)
