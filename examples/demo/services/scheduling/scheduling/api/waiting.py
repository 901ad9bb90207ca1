"""The waiting list."""

from flask import Blueprint, current_app, jsonify, request

from scheduling.auth import staff_only
from scheduling.waiting import SOON, Waiting

waiting_list = Blueprint("waiting", __name__)


@waiting_list.post("/")
@staff_only
def wait():
    body = request.get_json()
    entry = Waiting(
        patient_id=body["patient_id"],
        full_name=body["full_name"],
        phone_number=body["phone_number"],
        minutes=int(body["minutes"]),
        urgency=body.get("urgency", SOON),
    )
    current_app.config["WAITING"].add(entry)
    return jsonify(place=current_app.config["WAITING"].positions()[entry.patient_id]), 201


@waiting_list.get("/positions")
@staff_only
def positions():
    return jsonify(current_app.config["WAITING"].positions())


@staff_only
@waiting_list.delete("/<patient_id>")
def leave(patient_id):
    return ("", 204) if current_app.config["WAITING"].remove(patient_id) else ("", 404)
