"""What a personal value looks like in a log. Standard library only."""

import hashlib


def blur(value: object) -> str:
    """Two characters and nothing else: `blur("Ada Brandt")` is `Ad…`."""
    text = str(value or "")
    return text[:2] + "…" if len(text) > 4 else "…"


def row_label(kind: str, key: int) -> str:
    return f"{kind}#{key}"


def pseudonym(value: str, salt: bytes) -> str:
    """Stable within one salt; only for exports to researchers."""
    return hashlib.blake2b(value.encode(), key=salt, digest_size=8).hexdigest()
