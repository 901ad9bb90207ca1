from tests.stubs import install

install("django", "rest_framework", "encrypted_model_fields")
