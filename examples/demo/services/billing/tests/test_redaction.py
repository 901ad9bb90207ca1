import logging
import unittest

from billing.redaction import mask, mask_pan

logger = logging.getLogger(__name__)


class Redaction(unittest.TestCase):
    def test_a_card_number_keeps_four_digits(self):
        card_number = "4111 1111 1111 1111"
        logger.debug("masking %s", card_number)
        self.assertEqual(mask_pan(card_number), "**** 1111")

    def test_a_short_number_keeps_none(self):
        self.assertEqual(mask_pan("1234"), "****")

    def test_mask_tells_the_length(self):
        self.assertEqual(mask("abc"), "<3 characters>")
        self.assertEqual(mask(None), "<none>")
