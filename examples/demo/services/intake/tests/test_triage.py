import unittest

from app.services.triage import Vitals, assess


class Triage(unittest.TestCase):
    def test_healthy_vitals_are_level_five(self):
        self.assertEqual(assess(Vitals(72, 120, 36.8), "sprained ankle").level, 5)

    def test_a_red_flag_is_level_two(self):
        self.assertEqual(assess(Vitals(72, 120, 36.8), "Chest pain since noon").level, 2)

    def test_low_pressure_beats_everything(self):
        urgency = assess(Vitals(140, 82, 39.9), "dizzy")
        self.assertEqual(urgency.level, 1)
        self.assertEqual(len(urgency.because), 3)
