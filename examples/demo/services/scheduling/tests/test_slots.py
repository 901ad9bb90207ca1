import unittest

from scheduling.slots import OpeningHours, Slot, clock, fits, gaps, offers, parse_clock, utilisation

DAY = OpeningHours(Slot(480, 1020), (Slot(720, 765),))


class Slots(unittest.TestCase):
    def test_breaks_divide_the_day(self):
        self.assertEqual(DAY.parts(), [Slot(480, 720), Slot(765, 1020)])

    def test_gaps_are_what_is_left(self):
        self.assertEqual(gaps(DAY, [Slot(480, 540), Slot(600, 720)]), [Slot(540, 600), Slot(765, 1020)])

    def test_offers_begin_on_the_quarter(self):
        found = offers(DAY, [Slot(480, 550), Slot(610, 720), Slot(765, 1020)], 30)
        self.assertEqual([clock(s.start) for s in found], ["09:15", "09:30"])

    def test_what_is_taken_does_not_fit(self):
        self.assertFalse(fits(DAY, [Slot(480, 540)], Slot(525, 555)))
        self.assertTrue(fits(DAY, [Slot(480, 540)], Slot(540, 570)))

    def test_times_are_read_and_written(self):
        self.assertEqual(parse_clock("09:05"), 545)
        with self.assertRaises(ValueError):
            parse_clock("9")

    def test_a_day_without_appointments_is_empty(self):
        self.assertEqual(utilisation(DAY, []), 0.0)
        self.assertEqual(utilisation(DAY, DAY.parts()), 1.0)
