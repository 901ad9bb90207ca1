//! In which order a kind's consumers are asked for work: by urgency, with a share for less urgent lanes so that they never
//! starve, and within a lane round-robin over shards and zones, so that an organisation with thousands of tasks does not
//! delay one with three. Pure: it is told what was found, and never asks.

use super::topology::{LANES, Seat};
use std::time::Duration;
use tokio::time::Instant;

/// Of so many turns one begins with the middle lane, and one with the lowest.
const TURNS: u64 = 16;

/// What is known of a consumer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// It may hold something.
    Perhaps,
    /// It held nothing, and need not be asked before then.
    EmptyUntil(Instant),
}

/// The consumers of one kind, and whose turn it is.
pub(crate) struct Rota {
    seats: Vec<(Seat, Seen)>,
    /// Where in each lane the next turn begins.
    begins: [usize; LANES.len()],
    turn: u64,
    /// A consumer that was empty is asked again after so long, whatever is told: a lapsed lease wakes nobody.
    again: Duration,
}

impl Rota {
    pub(crate) fn new(seats: Vec<Seat>, again: Duration) -> Self {
        let seats = seats.into_iter().map(|seat| (seat, Seen::Perhaps)).collect();
        Self { seats, begins: [0; LANES.len()], turn: 0, again }
    }

    pub(crate) fn seat(&self, at: usize) -> &Seat {
        &self.seats[at].0
    }

    /// The lanes of this turn, first first.
    pub(crate) fn lanes(&mut self) -> [usize; LANES.len()] {
        let turn = self.turn % TURNS;
        self.turn += 1;
        match turn {
            t if t == TURNS - 1 => [2, 0, 1],
            t if t == TURNS / 2 - 1 => [1, 0, 2],
            _ => [0, 1, 2],
        }
    }

    /// The consumers of a lane that may hold something, beginning after the one that was asked last.
    pub(crate) fn of_lane(&self, lane: usize, now: Instant) -> Vec<usize> {
        let mine: Vec<usize> = (0..self.seats.len()).filter(|at| self.seats[*at].0.lane == LANES[lane]).collect();
        let begin = self.begins[lane] % mine.len().max(1);
        let due = |at: &usize| match self.seats[*at].1 {
            Seen::Perhaps => true,
            Seen::EmptyUntil(then) => then <= now,
        };
        mine[begin..].iter().chain(&mine[..begin]).copied().filter(due).collect()
    }

    /// The next turn of its lane begins after this consumer.
    pub(crate) fn asked(&mut self, at: usize) {
        let lane = LANES.iter().position(|lane| *lane == self.seats[at].0.lane).unwrap_or_default();
        let before = self.seats[..=at].iter().filter(|(seat, _)| seat.lane == LANES[lane]).count();
        self.begins[lane] = before;
    }

    /// It held less than was asked for. Each is asked again at a time of its own, so that they do not come in a burst.
    pub(crate) fn empty(&mut self, at: usize, now: Instant) {
        let count = u32::try_from(self.seats.len().max(1)).unwrap_or(u32::MAX);
        let spread = self.again / 2 / count * u32::try_from(at).unwrap_or_default();
        self.seats[at].1 = Seen::EmptyUntil(now + self.again / 2 + spread);
    }

    /// It may hold something after all.
    pub(crate) fn woken(&mut self, at: usize) {
        self.seats[at].1 = Seen::Perhaps;
    }

    /// Which consumer a wake-up is about.
    pub(crate) fn find(&self, wake: &str) -> Option<usize> {
        self.seats.iter().position(|(seat, _)| seat.wake() == wake)
    }

    /// Nothing that was heard counts any more: the connection is another.
    pub(crate) fn forget(&mut self) {
        self.seats.iter_mut().for_each(|(_, seen)| *seen = Seen::Perhaps);
    }

    /// When a consumer is next to be asked though nothing was told.
    pub(crate) fn due(&self, now: Instant) -> Instant {
        let due = |seen: &Seen| match seen {
            Seen::Perhaps => now,
            Seen::EmptyUntil(then) => *then,
        };
        self.seats.iter().map(|(_, seen)| due(seen)).min().unwrap_or(now + self.again)
    }
}
