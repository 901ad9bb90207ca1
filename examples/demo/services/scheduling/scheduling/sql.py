"""The same in PostgreSQL."""

from sqlalchemy import Column, Date, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

appointments = Table(
    "appointments",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("room", String(20), nullable=False),
    Column("day", Date, nullable=False),
    Column("start_minute", Integer, nullable=False),
    Column("end_minute", Integer, nullable=False),
    Column("patient_id", String(26), nullable=False),
    Column("state", String(12), nullable=False),
    Column("letter", LargeBinary),
    Column("comment", Text),
)
