"""Cards on file, without their numbers."""

from fastapi import APIRouter, Request

from billing.schemas import CardOut

router = APIRouter(prefix="/cards")


@router.get("/{customer_id}")
def cards_of(customer_id: str, request: Request) -> list[CardOut]:
    return [CardOut(brand=c["brand"], expires=c["expires"]) for c in request.app.state.gateway.cards(customer_id)]
