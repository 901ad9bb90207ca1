"""What goes out."""

from rest_framework import serializers

from prescriptions.models import Prescription, Refill


class PrescriptionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Prescription
        fields = ["id", "medication", "instructions", "per_day", "until"]


class RefillSerializer(serializers.ModelSerializer):
    class Meta:
        model = Refill
        fields = ["id", "prescription", "pharmacy", "state"]
