"""Settings from the environment."""

from functools import lru_cache

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="DIRECTORY_")

    database_url: str
    issuer: str = "https://id.meridian.example"
    audience: str = "directory"
    crm_url: str = "https://crm.internal.meridian.example"


@lru_cache
def get_settings() -> Settings:
    return Settings()
