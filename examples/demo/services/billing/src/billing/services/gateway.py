"""The client of the card gateway. Its session is renewed an hour before it ends."""

import logging
import time

import httpx

logger = logging.getLogger(__name__)


class GatewaySession:
    def __init__(self, client: httpx.Client, secret: str) -> None:
        self.client = client
        self.secret = secret
        self.valid_until_s = 0.0

    def renew(self) -> None:
        answer = self.client.post("/sessions", auth=("meridian", self.secret)).json()
        token_ttl_s = int(answer["expires_in"])
        self.client.headers["Authorization"] = "Bearer " + answer["access_token"]
        self.valid_until_s = time.monotonic() + token_ttl_s
        logger.debug("gateway session is valid for %d seconds", token_ttl_s)

    def rotate_secret(self, secret: str) -> None:
        self.secret = secret
        self.valid_until_s = 0.0
        logger.info("gateway secret and password were rotated")
