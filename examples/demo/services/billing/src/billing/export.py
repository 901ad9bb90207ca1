"""Nightly export of customers for the dunning partner. Runs as a job: `python -m billing.export`."""

import csv
import sys

from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from billing.repositories import Ledger
from billing.settings import get_settings


def export_customers(ledger: Ledger, out) -> int:
    writer = csv.writer(out)
    count = 0
    for customer in ledger.customers():
        writer.writerow([customer.id, customer.full_name, customer.email])
        print("exported", customer.email, file=sys.stderr)
        count += 1
    return count


def main() -> None:
    sessions = sessionmaker(create_engine(str(get_settings().database_url)))
    with sessions() as session, open("customers.csv", "w", encoding="utf-8", newline="") as out:
        count = export_customers(Ledger(session), out)
    print("done:", count, "rows", file=sys.stderr)


if __name__ == "__main__":
    main()
