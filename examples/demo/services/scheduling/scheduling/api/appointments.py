"""Appointments, each view with a guard of its own."""

import logging

from flask import Blueprint, abort, current_app, jsonify, request

from scheduling.auth import staff_only
from scheduling.privacy import mask
from scheduling.slots import Slot, clock, parse_clock
from scheduling.store import Appointment, Taken

logger = logging.getLogger(__name__)
appointments = Blueprint("appointments", __name__)


def shown(a: Appointment) -> dict:
    return {"id": a.id, "room": a.room, "day": a.day, "start": clock(a.slot.start), "state": a.state}


@appointments.get("/")
@staff_only
def of_day():
    return jsonify([shown(a) for a in current_app.config["STORE"].of_day(request.args["day"])])


@appointments.post("/")
@staff_only
def book():
    body = request.get_json()
    start = parse_clock(body["start"])
    slot = Slot(start, start + int(body["minutes"]))
    try:
        booked = current_app.config["STORE"].book(
            body["room"], body["day"], slot, body["patient_id"], body["email"], body["reason"]
        )
    except Taken:
        abort(409)
    logger.info("confirmation for %s is on its way", mask(booked.email))
    return jsonify(shown(booked)), 201


@appointments.get("/<appointment_id>")
@staff_only
def one(appointment_id):
    found = current_app.config["STORE"].get(appointment_id) or abort(404)
    return jsonify(shown(found))


@appointments.get("/<appointment_id>/reason")
def why(appointment_id):
    found = current_app.config["STORE"].get(appointment_id) or abort(404)
    return jsonify(id=found.id, reason=found.reason_for_visit)


@appointments.delete("/<appointment_id>")
@staff_only
def cancel(appointment_id):
    cancelled = current_app.config["STORE"].cancel(appointment_id)
    if cancelled is None:
        abort(404)
    diagnosis = cancelled.reason_for_visit
    logger.info("cancelled %s, came for %s", appointment_id, diagnosis)
    return "", 204
