import unittest

from directory.privacy import mask


class Mask(unittest.TestCase):
    def test_an_address_keeps_its_domain(self):
        self.assertEqual(mask("ada.brandt@meridian.example"), "a***@meridian.example")

    def test_a_name_keeps_its_first_letter(self):
        self.assertEqual(mask("Ada Brandt"), "A***")

    def test_nothing_stays_hidden(self):
        self.assertEqual(mask(None), "***")
