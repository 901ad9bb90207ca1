"""How a value may look in a log line. Standard library only, so that jobs can use it as well."""


def mask(value: object) -> str:
    """Length and nothing else."""
    return "<{} characters>".format(len(str(value))) if value is not None else "<none>"


def mask_pan(pan: str) -> str:
    """A card number as the receipts print it: the last four digits."""
    digits = "".join(c for c in str(pan) if c.isdigit())
    return "**** " + digits[-4:] if len(digits) >= 12 else "****"
