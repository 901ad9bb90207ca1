import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from tests.stubs import install

install("fastapi", "httpx", "jwt", "pydantic", "pydantic_settings", "sentry_sdk", "sqlalchemy", "starlette", "stripe")
