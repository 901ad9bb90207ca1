"""What the gateway tells us. Each call is signed; `verify_signature` gives the body only when the signature fits."""

import json
import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Request, status

from billing.security import verify_signature

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/webhooks", tags=["webhooks"])


@router.post("/gateway", status_code=status.HTTP_204_NO_CONTENT)
def gateway_event(request: Request, body: Annotated[bytes, Depends(verify_signature)]) -> None:
    event = json.loads(body)
    logger.info("gateway event of type %s", event["type"])
    request.app.state.gateway_events.put(event)
