"""Scans and letters. The bytes lie in the object store; we hand out links that live for a minute."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, UploadFile, status

from app.api.deps import CurrentUser, DbSession
from app.models import Document
from app.repositories import DocumentRepository
from app.schemas import DocumentOut
from app.security import User, current_user

router = APIRouter(prefix="/documents", tags=["documents"])

LINK_TTL_S = 60


@router.post("", status_code=status.HTTP_201_CREATED)
async def upload(
    admission_id: str, file: UploadFile, request: Request, session: DbSession, user: CurrentUser
) -> DocumentOut:
    stored = await request.app.state.objects.put(user.clinic, file)
    document = Document(
        id=stored.key[:26],
        admission_id=admission_id,
        object_key=stored.key,
        media_type=file.content_type or "application/octet-stream",
        size_bytes=stored.size,
    )
    DocumentRepository(session).add(document)
    return DocumentOut(id=document.id, media_type=document.media_type, download_url=stored.link(LINK_TTL_S))


@router.get("/{document_id}")
def download(document_id: str, request: Request, session: DbSession) -> DocumentOut:
    document = DocumentRepository(session).get(document_id)
    if document is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    link = request.app.state.objects.link(document.object_key, LINK_TTL_S)
    return DocumentOut(id=document.id, media_type=document.media_type, download_url=link)


@router.delete("/{document_id}", status_code=status.HTTP_204_NO_CONTENT)
def remove(document_id: str, session: DbSession, user: Annotated[User, Depends(current_user)]) -> None:
    documents = DocumentRepository(session)
    document = documents.get(document_id)
    if document is None or "records-officer" not in user.roles:
        raise HTTPException(status.HTTP_404_NOT_FOUND)
    documents.remove(document)
