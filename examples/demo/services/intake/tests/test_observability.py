import unittest

from app.observability import mask, redact


class Masking(unittest.TestCase):
    def test_mask_keeps_only_the_end(self):
        self.assertEqual(mask("078-05-1120"), "·········20")

    def test_short_values_vanish(self):
        self.assertEqual(mask("abc"), "···")

    def test_nothing_is_nothing(self):
        self.assertEqual(mask(None), "")

    def test_redact_reaches_nested_mappings(self):
        cleaned = redact({"ward": "4b", "patient": {"ssn": "078-05-1120", "bed": 3}})
        self.assertEqual(cleaned, {"ward": "4b", "patient": {"ssn": "·········20", "bed": 3}})
