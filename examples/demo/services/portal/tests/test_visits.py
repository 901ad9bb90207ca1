import unittest
from datetime import date

from care.visits import PlannedVisit, conflicts, due_for_reminder, move, next_visit, overdue, remind

TODAY = date(2026, 11, 23)


def visit(key, day, patient=1, room="4", cancelled=False):
    return PlannedVisit(key, patient, "Ada Brandt", "ada@example.org", day, room, cancelled)


class Visits(unittest.TestCase):
    def test_the_next_is_the_first_that_is_not_cancelled(self):
        found = next_visit([visit(2, date(2026, 12, 1)), visit(1, date(2026, 11, 24), cancelled=True)], TODAY)
        self.assertEqual(found.key, 2)

    def test_reminders_go_out_two_days_before(self):
        self.assertEqual(len(due_for_reminder([visit(1, date(2026, 11, 25)), visit(2, date(2026, 11, 26))], TODAY)), 1)

    def test_a_reminder_names_day_and_room(self):
        outbox = []
        remind(visit(1, date(2026, 11, 25)), outbox)
        self.assertEqual(outbox, ["2026-11-25: your visit in room 4"])

    def test_a_year_is_too_long(self):
        self.assertEqual(overdue([visit(1, date(2025, 11, 1)), visit(2, date(2026, 1, 1), patient=2)], TODAY), [1])

    def test_nothing_moves_into_the_past(self):
        with self.assertRaises(ValueError):
            move(visit(1, TODAY), date(2026, 1, 1), TODAY)
        self.assertEqual(move(visit(1, TODAY), date(2026, 12, 1), TODAY).day, date(2026, 12, 1))

    def test_two_visits_want_one_room(self):
        self.assertEqual(conflicts([visit(1, TODAY), visit(2, TODAY), visit(3, TODAY, room="5")]), [(1, 2)])
