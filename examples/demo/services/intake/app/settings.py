"""Settings from the environment. Nothing secret has a default."""

from functools import lru_cache

from pydantic import PostgresDsn, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="INTAKE_", frozen=True)

    database_url: PostgresDsn
    jwt_public_key: str
    jwt_private_key: SecretStr
    jwt_audience: str = "meridian-intake"
    token_ttl_s: int = 900
    eligibility_url: str = "https://eligibility.internal.meridian.example"
    sms_url: str = "https://sms.internal.meridian.example"
    allowed_origins: list[str] = ["https://clinic.meridian.example"]


@lru_cache
def get_settings() -> Settings:
    return Settings()
