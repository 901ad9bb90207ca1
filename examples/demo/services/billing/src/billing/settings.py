"""Settings from the environment."""

from functools import lru_cache

from pydantic import HttpUrl, PostgresDsn, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="BILLING_", frozen=True)

    database_url: PostgresDsn
    gateway_url: HttpUrl
    gateway_secret: SecretStr
    webhook_secret: SecretStr
    jwks_url: str = "https://id.meridian.example/.well-known/jwks.json"
    audience: str = "billing"


@lru_cache
def get_settings() -> Settings:
    return Settings()
