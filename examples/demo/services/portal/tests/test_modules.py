"""Every module of the service can be imported."""

import importlib
import pkgutil
import unittest

import care
import portal
import prescriptions


class Modules(unittest.TestCase):
    def test_every_module_can_be_imported(self):
        names = [m.name for p in (care, portal, prescriptions) for m in pkgutil.walk_packages(p.__path__, p.__name__ + ".")]
        self.assertGreater(len(names), 8)
        for name in names:
            with self.subTest(name):
                self.assertIsNotNone(importlib.import_module(name))
