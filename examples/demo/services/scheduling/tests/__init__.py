from tests.stubs import install

install("flask", "jwt", "sqlalchemy", "redis", "gunicorn")
