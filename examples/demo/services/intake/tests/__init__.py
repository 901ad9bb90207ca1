from tests.stubs import install

install("fastapi", "jwt", "pydantic", "pydantic_settings", "sqlalchemy", "httpx", "argon2", "passlib", "sentry_sdk", "slowapi", "starlette")
