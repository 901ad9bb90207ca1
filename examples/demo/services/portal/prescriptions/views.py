"""Prescriptions and refills. The default of the settings guards these."""

import logging

from rest_framework import permissions, viewsets
from rest_framework.response import Response
from rest_framework.views import APIView

from prescriptions.dosage import interactions
from prescriptions.models import Prescription, Refill
from prescriptions.serializers import PrescriptionSerializer, RefillSerializer

logger = logging.getLogger(__name__)


class OwnPharmacy(permissions.BasePermission):
    """Pharmacies that we know."""

    def has_permission(self, request, view):
        return bool(request.user and request.user.is_authenticated and request.user.groups.filter(name="pharmacy").exists())


class PrescriptionViewSet(viewsets.ReadOnlyModelViewSet):
    serializer_class = PrescriptionSerializer

    def get_queryset(self):
        return Prescription.objects.filter(patient__account=self.request.user)


class RefillViewSet(viewsets.ReadOnlyModelViewSet):
    queryset = Refill.objects.all()
    serializer_class = RefillSerializer
    permission_classes = [OwnPharmacy]


class InteractionCheck(APIView):
    permission_classes = [permissions.AllowAny]

    def get(self, request):
        own = Prescription.objects.filter(patient=request.GET["patient"])
        found = interactions([p.medication for p in own])
        return Response({"found": found})
