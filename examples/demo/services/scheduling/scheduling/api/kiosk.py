"""The screen at the entrance. It knows staff when they are there, and serves everybody."""

from flask import Blueprint, current_app, g, jsonify, request

from scheduling.auth import staff_if_any

kiosk = Blueprint("kiosk", __name__)


@kiosk.get("/arrivals")
@staff_if_any
def arrivals():
    rows = current_app.config["STORE"].of_day(request.args["day"])
    detail = bool(g.claims)
    return jsonify([{"room": a.room, "patient": a.patient_id, "reason": a.reason_for_visit if detail else None} for a in rows])
