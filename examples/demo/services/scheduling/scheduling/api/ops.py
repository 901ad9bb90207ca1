"""For the load balancer."""

from flask import Blueprint, jsonify

ops = Blueprint("ops", __name__)


@ops.get("/healthz")
def healthz():
    return jsonify(status="ok")


@ops.get("/ready")
def ready():
    return jsonify(ready=True)
