import unittest

try:
    from fastapi.testclient import TestClient

    from app.main import app
except ModuleNotFoundError as missing:
    raise unittest.SkipTest(f"needs {missing.name}") from missing

from tests.stubs import Anything

if TestClient is Anything:
    raise unittest.SkipTest("needs fastapi")


class Api(unittest.TestCase):
    def test_patients_need_a_token(self):
        self.assertIn(TestClient(app).get("/api/v1/patients").status_code, (401, 403))

    def test_health_needs_none(self):
        self.assertEqual(TestClient(app).get("/health").status_code, 200)
