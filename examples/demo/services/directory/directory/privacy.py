"""What a personal value looks like where many people read. Standard library only."""


def mask(value: object) -> str:
    """First character, the rest hidden; an address keeps its domain."""
    text = str(value or "")
    local, at, domain = text.partition("@")
    return (local[:1] + "***" + at + domain) if local else "***"
