"""Rooms and how full they are."""

from flask import Blueprint, current_app, jsonify, request

from scheduling.slots import clock, offers, utilisation

rooms = Blueprint("rooms", __name__)


@rooms.get("/<room>/offers")
def free_slots(room):
    store = current_app.config["STORE"]
    minutes = request.args.get("minutes", 30, type=int)
    free = offers(store.hours, store.taken(room, request.args["day"]), minutes)
    return jsonify([{"start": clock(s.start), "end": clock(s.end)} for s in free])


@rooms.get("/<room>/utilisation")
def how_full(room):
    store = current_app.config["STORE"]
    return jsonify(room=room, utilisation=round(utilisation(store.hours, store.taken(room, request.args["day"])), 3))
