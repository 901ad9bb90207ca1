import unittest

from scheduling.auth import link_holds, link_signature
from scheduling.slots import OpeningHours, Slot
from scheduling.store import AppointmentStore, Taken
from scheduling.waiting import SOON, URGENT, Waiting, WaitingList

DAY = OpeningHours(Slot(480, 1020))
NINE = Slot(540, 570)


class Booking(unittest.TestCase):
    def setUp(self):
        self.store = AppointmentStore(DAY)

    def book(self, patient="p1"):
        return self.store.book("1", "2026-11-23", NINE, patient, "ada@example.org", "check-up")

    def test_a_slot_is_booked_once(self):
        self.book()
        with self.assertRaises(Taken):
            self.book("p2")

    def test_what_is_cancelled_is_free_again(self):
        self.assertEqual(self.store.cancel(self.book().id).state, "cancelled")
        self.assertEqual(self.book("p2").patient_id, "p2")

    def test_nothing_is_cancelled_twice(self):
        booked = self.book()
        self.store.cancel(booked.id)
        self.assertIsNone(self.store.cancel(booked.id))


class TheList(unittest.TestCase):
    def setUp(self):
        self.list = WaitingList()
        self.list.add(Waiting("p1", "Ada Brandt", "+49 30 1", 30, SOON, since=1))
        self.list.add(Waiting("p2", "Jon Silva", "+49 30 2", 60, URGENT, since=2))

    def test_the_urgent_come_first_where_they_fit(self):
        self.assertEqual(self.list.next_for(Slot(540, 600)).patient_id, "p2")
        self.assertEqual(self.list.next_for(NINE).patient_id, "p1")

    def test_who_declined_is_not_asked_again(self):
        self.list.decline("p1", NINE)
        self.assertIsNone(self.list.offer(NINE))

    def test_places_are_counted_from_one(self):
        self.assertEqual(self.list.positions(), {"p2": 1, "p1": 2})


class Links(unittest.TestCase):
    def test_a_link_holds_for_its_appointment_alone(self):
        signature = link_signature(b"k", "a1", "2026-11-23")
        self.assertTrue(link_holds(b"k", "a1", "2026-11-23", signature))
        self.assertFalse(link_holds(b"k", "a2", "2026-11-23", signature))
