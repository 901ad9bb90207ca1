"""The application. Blueprints are put together here; whoever reads one has to look here for its guard."""

import logging

from flask import Flask, jsonify, request
from jwt import PyJWKClient

from scheduling.api.appointments import appointments
from scheduling.api.kiosk import kiosk
from scheduling.api.ops import ops
from scheduling.api.rooms import rooms
from scheduling.api.waiting import waiting_list
from scheduling.auth import require_staff
from scheduling.slots import OpeningHours, Slot
from scheduling.store import AppointmentStore
from scheduling.waiting import WaitingList

logger = logging.getLogger(__name__)

WORKDAY = OpeningHours(Slot(8 * 60, 17 * 60), (Slot(12 * 60, 12 * 60 + 45),))


def create_app(issuer: str = "https://id.meridian.example") -> Flask:
    app = Flask(__name__)
    app.config["JWKS"] = PyJWKClient(issuer + "/keys")
    app.config["STORE"] = AppointmentStore(WORKDAY)
    app.config["WAITING"] = WaitingList()

    rooms.before_request(require_staff)
    app.register_blueprint(ops)
    app.register_blueprint(rooms, url_prefix="/api/rooms")
    app.register_blueprint(appointments, url_prefix="/api/appointments")
    app.register_blueprint(waiting_list, url_prefix="/api/waiting")
    app.register_blueprint(kiosk, url_prefix="/kiosk")

    @app.errorhandler(500)
    def unexpected(error):
        token = request.headers.get("Authorization")
        logger.error("unexpected %s at %s, called with %s", type(error).__name__, request.path, token)
        return jsonify(detail="internal error"), 500

    return app
