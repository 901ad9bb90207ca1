import unittest
from datetime import date

from portal.privacy import blur, pseudonym, row_label
from prescriptions.dosage import Course, check_dose, interactions, needs_refill, schedule


def course(key, medication="warfarin", per_day=2, pills=9):
    return Course(key, "Ada Brandt", medication, per_day, pills, date(2026, 11, 20))


class Dosage(unittest.TestCase):
    def test_what_must_not_be_taken_together(self):
        self.assertEqual(interactions(["Ibuprofen ", "warfarin", "zinc"]), [("ibuprofen", "warfarin", "bleeding")])

    def test_a_course_lasts_until_its_last_pill(self):
        self.assertEqual(course(1).lasts_until(), date(2026, 11, 24))

    def test_refills_are_due_before_the_end(self):
        due = needs_refill([course(1), course(2, pills=200), course(3, pills=5)], date(2026, 11, 22))
        self.assertEqual([c.key for c in due], [3, 1])

    def test_above_the_limit_is_refused(self):
        self.assertFalse(check_dose(course(1, per_day=5), 4))

    def test_doses_are_spread_over_the_day(self):
        self.assertEqual(schedule(course(1, per_day=3)), [7, 15, 22])

    def test_logs_blur(self):
        self.assertEqual(blur("Ada Brandt"), "Ad…")
        self.assertEqual(row_label("visit", 3), "visit#3")
        self.assertEqual(pseudonym("a", b"k"), pseudonym("a", b"k"))
