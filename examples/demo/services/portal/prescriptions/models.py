"""What patients take."""

from django.db import models
from encrypted_model_fields.fields import EncryptedTextField

from care.models import Patient, Stamped


class Prescription(Stamped):
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="prescriptions")
    medication = models.CharField(max_length=120)
    instructions = EncryptedTextField()
    per_day = models.PositiveSmallIntegerField()
    until = models.DateField(null=True)


class Refill(Stamped):
    prescription = models.ForeignKey(Prescription, on_delete=models.CASCADE, related_name="refills")
    pharmacy = models.CharField(max_length=80)
    state = models.CharField(max_length=12, default="asked")
