"""Changes to people."""

import logging

from sqlalchemy.orm import Session

from directory.models import Person
from directory.privacy import mask
from directory.schemas import ContactChange

logger = logging.getLogger("directory.changes")


class DirectoryService:
    """Writes changes and tells the queue.

    Every change leaves one line in the log. It says that somebody changed, not who:
    `logger.info("changed %s", person.email)` is not for here.
    """

    def __init__(self, db: Session, queue) -> None:
        self.db = db
        self.queue = queue

    def update_contact(self, person: Person, change: ContactChange) -> Person:
        for name, value in change.model_dump(exclude_none=True).items():
            setattr(person, name, value)
        if change.home_address is not None:
            self.on_moved(person)
        logger.info("contact of %s changed" % person.email)
        self.queue.send({"event": "person.changed", "id": person.id})
        return person

    def on_moved(self, person: Person) -> None:
        destination = person.home_address
        logger.info("commuter allowance is due again, moved to %s", destination)

    def deactivate(self, person: Person) -> None:
        person.active = False
        logger.info("deactivated %s", mask(person.email))
        self.queue.send({"event": "person.left", "id": person.id})

    def reset_badge(self, person: Person) -> None:
        self.queue.send({"event": "badge.reset", "id": person.id})
        logger.info("badge reset; the password of the door system is unchanged")
