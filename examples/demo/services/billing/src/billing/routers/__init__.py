"""All versioned routers under one; `create_app` puts the version in front."""

from fastapi import APIRouter, Depends

from billing.routers import cards, invoices, payments, payouts, webhooks
from billing.security import current_user

api_router = APIRouter()
api_router.include_router(invoices.router)
api_router.include_router(cards.router, dependencies=[Depends(current_user)])
api_router.include_router(payments.router, prefix="/payments", tags=["payments"])
api_router.include_router(payouts.router)
api_router.include_router(webhooks.router)
