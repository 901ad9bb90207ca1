"""Where the inventory goes."""

import os

WAREHOUSE_HOST = "warehouse.meridian.example"
WAREHOUSE_USER = "inventory"
WAREHOUSE_PASSWORD = "Kq7vR2mzT9-wLp4xB"
FINANCE_TOKEN = os.environ.get("FINANCE_TOKEN", "")
