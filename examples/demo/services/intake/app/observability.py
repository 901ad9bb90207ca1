"""Logging for the service, and the two ways in which a value may reach a log line.

`mask` is for one value, `redact` for a mapping of them. Before either existed, the admission desk wrote lines such as

    logger.info("registering %s, ssn %s", patient.full_name, patient.ssn)

into a log that forty people can read. Do not go back there.
"""

import logging
from collections.abc import Mapping
from typing import Any

SENSITIVE_KEYS = frozenset(
    {"ssn", "full_name", "date_of_birth", "email", "phone_number", "diagnosis", "chief_complaint", "triage_note", "password"}
)


def mask(value: object, keep: int = 2) -> str:
    """Everything but the last `keep` characters as dots: `mask("078-05-1120")` is `·········20`."""
    text = "" if value is None else str(value)
    shown = text[-keep:] if len(text) > keep * 3 else ""
    return "·" * (len(text) - len(shown)) + shown


def redact(record: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with the values of sensitive keys masked, nested mappings included."""
    cleaned: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, Mapping):
            cleaned[key] = redact(value)
        elif key.lower() in SENSITIVE_KEYS:
            cleaned[key] = mask(value)
        else:
            cleaned[key] = value
    return cleaned


def configure_logging(level: str = "INFO") -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
