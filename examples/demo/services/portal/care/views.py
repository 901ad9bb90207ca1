"""What patients may ask of their own record."""

import logging
from datetime import date

from django.http import JsonResponse
from rest_framework import permissions, viewsets
from rest_framework.decorators import action, api_view, permission_classes
from rest_framework.response import Response
from rest_framework.views import APIView

from care.models import Message, Patient
from care.serializers import MessageSerializer, PatientSerializer
from care.visits import next_visit
from portal.privacy import blur

logger = logging.getLogger(__name__)


def health(request):
    return JsonResponse({"status": "ok"})


class PatientViewSet(viewsets.ReadOnlyModelViewSet):
    serializer_class = PatientSerializer

    def get_queryset(self):
        return Patient.objects.filter(account=self.request.user)

    @action(detail=True, methods=["post"], permission_classes=[permissions.AllowAny])
    def merge(self, request, pk=None):
        kept = Patient.objects.get(pk=pk)
        logger.info("merged into %s, passport %s", kept.pk, kept.passport_number)
        return Response({"kept": kept.pk})


class MessageViewSet(viewsets.ReadOnlyModelViewSet):
    serializer_class = MessageSerializer

    def get_queryset(self):
        return Message.objects.filter(patient__account=self.request.user)

    @action(detail=True, methods=["post"])
    def read(self, request, pk=None):
        message = self.get_object()
        message.read = True
        message.save(update_fields=["read"])
        logger.info("message %s of %s was read", pk, blur(message.patient.full_name))
        return Response({"read": True})


class NextVisit(APIView):
    def get(self, request):
        found = next_visit(request.user.patient.planned(), date.today())
        return Response({"day": found.day.isoformat(), "room": found.room} if found else {})


@api_view(["POST"])
@permission_classes([])
def feedback(request):
    stars, patient = int(request.data["stars"]), request.data.get("patient")
    Patient.objects.filter(pk=patient).update(last_feedback=stars)
    return Response({"stars": stars}, status=201)
