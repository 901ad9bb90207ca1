"""All paths."""

from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.routers import DefaultRouter

from care.views import MessageViewSet, NextVisit, PatientViewSet, feedback, health
from prescriptions.views import InteractionCheck, PrescriptionViewSet, RefillViewSet

router = DefaultRouter()
router.register(r"patients", PatientViewSet, basename="patient")
router.register(r"messages", MessageViewSet, basename="message")
router.register(r"prescriptions", PrescriptionViewSet, basename="prescription")
router.register(r"refills", RefillViewSet, basename="refill")

urlpatterns = [
    path("healthz", health),
    path("api/login", obtain_auth_token),
    path("api/feedback", feedback),
    path("api/next-visit", NextVisit.as_view()),
    path("api/interactions", InteractionCheck.as_view()),
    path("api/", include(router.urls)),
]
