import unittest

from directory.sync import PayrollRow, changed_rows, sync_people

ADA = PayrollRow("000417", "Ada Brandt", "ada.brandt@meridian.example", True)
JON = PayrollRow("000418", "Jon Silva", "jon.silva@meridian.example", True)


class Sync(unittest.TestCase):
    def test_unchanged_rows_are_left_alone(self):
        self.assertEqual(changed_rows({"000417": ADA}, [ADA, JON]), [JON])

    def test_the_log_names_each_synced_address(self):
        """The CRM's reconciliation job parses these lines."""
        with self.assertLogs("directory.sync", "INFO") as captured:
            self.assertEqual(sync_people({}, [ADA, JON]), 2)
        lines = [record.getMessage() for record in captured.records]
        self.assertEqual(lines[:2], ["synced ada.brandt@meridian.example", "synced jon.silva@meridian.example"])
