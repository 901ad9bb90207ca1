"""Every module of the service can be imported."""

import importlib
import pkgutil
import unittest

import app


class Modules(unittest.TestCase):
    def test_every_module_can_be_imported(self):
        names = [module.name for module in pkgutil.walk_packages(app.__path__, "app.")]
        self.assertGreater(len(names), 5)
        for name in names:
            with self.subTest(name):
                self.assertIsNotNone(importlib.import_module(name))


if __name__ == "__main__":
    unittest.main()
