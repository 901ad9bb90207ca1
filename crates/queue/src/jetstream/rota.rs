//! In which order a kind's consumers are asked for work: by urgency, with a share for less urgent lanes so that they never
//! starve, and within a lane round-robin over shards and zones, so that an organisation with thousands of tasks does not
//! delay one with three. Pure: it is told what was found, and never asks.

use super::topology::{LANES, Seat};
use std::time::Duration;
use tokio::time::Instant;

/// Of so many turns one begins with the middle lane, and one with the lowest.
const TURNS: u64 = 16;

/// A consumer that did not answer is left alone for so long.
const SILENT: Duration = Duration::from_secs(10);

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

    /// It did not answer: while it hangs it must not hold up the others.
    pub(crate) fn silent(&mut self, at: usize, now: Instant) {
        self.seats[at].1 = Seen::EmptyUntil(now + self.again.max(SILENT));
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

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::TaskKind;

    fn seats() -> Vec<Seat> {
        let seat = |lane, shard| Seat { kind: TaskKind::Probe, zone: "any".to_owned(), lane, shard };
        LANES.into_iter().flat_map(|lane| (0..4).map(move |shard| seat(lane, shard))).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_shard_has_its_turn_and_an_empty_one_is_left_alone_until_it_is_told_or_due() {
        let (mut rota, now, again) =
            (Rota::new(seats(), Duration::from_secs(8)), Instant::now(), Duration::from_secs(8));
        assert_eq!(rota.of_lane(2, now), [8, 9, 10, 11]);
        rota.asked(9);
        assert_eq!(rota.of_lane(2, now), [10, 11, 8, 9]);
        rota.asked(11);
        rota.empty(8, now);
        assert_eq!(rota.of_lane(2, now), [9, 10, 11]);
        assert_eq!(rota.of_lane(2, now + again), [8, 9, 10, 11]);
        let wake = rota.seat(8).wake();
        let found = rota.find(&wake).unwrap();
        rota.woken(found);
        assert_eq!(rota.of_lane(2, now), [8, 9, 10, 11]);
        rota.silent(8, now);
        assert_eq!(rota.of_lane(2, now + again), [9, 10, 11]);
        rota.forget();
        assert_eq!(rota.of_lane(2, now).len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn empty_consumers_are_asked_again_one_after_the_other() {
        let (mut rota, now) = (Rota::new(seats(), Duration::from_secs(8)), Instant::now());
        (0..12).for_each(|at| rota.empty(at, now));
        let due = rota.due(now);
        assert!(due >= now + Duration::from_secs(4));
        let at_once: usize = (0..3).map(|lane| rota.of_lane(lane, due).len()).sum();
        assert_eq!(at_once, 1, "they come in a burst");
        let all: usize = (0..3).map(|lane| rota.of_lane(lane, now + Duration::from_secs(8)).len()).sum();
        assert_eq!(all, 12);
    }

    #[test]
    fn every_lane_begins_a_turn_and_the_urgent_one_most() {
        let mut rota = Rota::new(seats(), Duration::from_secs(8));
        let mut begins = [0; 3];
        for _ in 0..TURNS {
            begins[rota.lanes()[0]] += 1;
        }
        assert_eq!(begins, [14, 1, 1]);
    }
}
