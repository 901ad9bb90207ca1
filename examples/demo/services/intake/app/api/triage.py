"""Triage: one assessment, the waiting queue, and the queue as it changes."""

import asyncio

from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect

from app.api.deps import DbSession
from app.repositories import AdmissionRepository
from app.schemas import AdmissionOut, TriageIn, TriageOut
from app.security import User, current_user
from app.services.triage import Vitals, assess

router = APIRouter(prefix="/triage", tags=["triage"])


@router.post("/assessments")
def assess_patient(request: TriageIn, user: User = Depends(current_user)) -> TriageOut:
    urgency = assess(Vitals(request.heart_rate, request.systolic, request.temperature_c), request.chief_complaint)
    return TriageOut(level=urgency.level, because=urgency.because)


@router.get("/queue")
def queue(session: DbSession, ward: str = "emergency") -> list[AdmissionOut]:
    rows = sorted(AdmissionRepository(session).open_on(ward), key=lambda a: a.triage_level)
    return [AdmissionOut(id=a.id, ward=a.ward, triage_level=a.triage_level) for a in rows]


@router.websocket("/queue/live")
async def queue_live(websocket: WebSocket) -> None:
    await websocket.accept()
    feed = websocket.app.state.queue_feed.subscribe()
    try:
        async for change in feed:
            await websocket.send_json(change)
    except (WebSocketDisconnect, asyncio.CancelledError):
        await feed.aclose()
