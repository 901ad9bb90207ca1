"""Administration: an application of its own, mounted below `/admin`.

What a FastAPI application asks of every request, it asks of its own routes, not of the applications mounted in it.
"""

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Request, status

from directory.auth import Staff, require_staff
from directory.schemas import ExportOut

admin_app = FastAPI(title="Meridian directory, administration")


@admin_app.post("/reindex", status_code=status.HTTP_202_ACCEPTED)
def reindex(request: Request) -> dict[str, str]:
    request.app.state.index.rebuild()
    return {"state": "started"}


@admin_app.post("/exports", status_code=status.HTTP_202_ACCEPTED)
def start_export(request: Request, staff: Annotated[Staff, Depends(require_staff)]) -> dict[str, str]:
    if "people-operations" not in staff.groups:
        raise HTTPException(status.HTTP_403_FORBIDDEN)
    return {"id": request.app.state.exports.start(staff.subject)}


@admin_app.get("/exports/{export_id}")
def get_export(export_id: str, request: Request) -> ExportOut:
    found = request.app.state.exports.get(export_id)
    if found is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    return ExportOut(id=export_id, rows=found.rows, download_url=found.link())
