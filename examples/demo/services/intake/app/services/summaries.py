"""Discharge summaries by a language model that runs in our own network."""

import logging
from dataclasses import dataclass

import httpx

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Usage:
    token_count: int
    elapsed_ms: int


class SummaryService:
    def __init__(self, client: httpx.Client, max_tokens: int = 800) -> None:
        self.client = client
        self.max_tokens = max_tokens

    def summarise(self, note: str) -> str:
        answer = self.client.post("/generate", json={"prompt": note, "max_tokens": self.max_tokens}).json()
        usage = Usage(token_count=answer["tokens"], elapsed_ms=answer["elapsed_ms"])
        logger.info("summary took %d tokens of %d", usage.token_count, self.max_tokens)
        return answer["text"]
