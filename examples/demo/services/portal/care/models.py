"""People, visits and messages."""

from django.conf import settings
from django.db import models
from encrypted_model_fields.fields import EncryptedCharField, EncryptedTextField


class Stamped(models.Model):
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Patient(Stamped):
    account = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    full_name = models.CharField(max_length=200)
    email = models.EmailField()
    medical_record_number = EncryptedCharField(max_length=20)
    passport_number = models.CharField(max_length=20, blank=True)
    preferred_language = models.CharField(max_length=8, default="en")


class Visit(Stamped):
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="visits")
    day = models.DateField()
    room = models.CharField(max_length=20)
    diagnosis = models.TextField(blank=True)
    clinical_note = EncryptedTextField(blank=True)
    diagnosis_code_version = models.CharField(max_length=12, default="2026")


class Message(Stamped):
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="messages")
    subject = models.CharField(max_length=120)
    body = EncryptedTextField()
    read = models.BooleanField(default=False)
