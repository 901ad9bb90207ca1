"""What a personal value looks like in a log. Standard library only."""


def mask(value: object) -> str:
    """The first character and how long it was: `mask("Ada")` is `A(3)`."""
    text = str(value or "")
    return f"{text[:1]}({len(text)})" if text else "-"
