import unittest

from billing.services.money import Line, refundable_cents, total_cents


class Money(unittest.TestCase):
    def test_tax_is_rounded_per_line(self):
        self.assertEqual(total_cents([Line("x-ray", 1, 1005), Line("bandage", 3, 33)]), 1196 + 118)

    def test_no_lines_cost_nothing(self):
        self.assertEqual(total_cents([]), 0)

    def test_refunds_never_exceed_the_payment(self):
        with self.assertLogs("billing.services.money", "ERROR"):
            self.assertEqual(refundable_cents(1000, [800, 400]), 0)
