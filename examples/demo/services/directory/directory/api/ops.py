"""For machines and newcomers: liveness, and the interface's documentation with our own style sheet."""

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

ops_app = FastAPI(docs_url=None, redoc_url=None)


@ops_app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@ops_app.get("/docs", include_in_schema=False)
def docs() -> HTMLResponse:
    return get_swagger_ui_html(openapi_url="/openapi.json", title="Directory", swagger_css_url="/static/docs.css")
