//! When a sweep is due: a cron expression in UTC, and what is to be done about periods that passed without one.
//!
//! A sweep's id follows from the period that it is for, so two coordinators that think it is due begin the same sweep.

use croner::Cron;
use croner::parser::CronParser;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ligase_domain::{Digest, FieldHasher, Timestamp};

/// A schedule that does not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("E-SCHEDULE: {text:?} is no cron expression such as \"0 2 * * *\": {why}")]
pub struct ScheduleError {
    text: String,
    why: String,
}

/// A schedule in UTC.
#[derive(Clone, Debug)]
pub struct Schedule(Cron);

/// What is due at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The period to sweep for: the last one that has begun, if nobody swept for it.
    pub now: Option<Timestamp>,
    /// Periods before it that passed without a sweep.
    pub missed: Vec<Timestamp>,
    /// When to ask again.
    pub next: Option<Timestamp>,
}

/// Missed periods that are told one by one; after a long absence the rest are not.
const MISSED_MAX: usize = 100;

impl Schedule {
    /// Reads five fields (or six, with seconds first), in UTC.
    pub fn read(text: &str) -> Result<Self, ScheduleError> {
        let parser = CronParser::builder().seconds(croner::parser::Seconds::Optional).build();
        let why = |e: croner::errors::CronError| ScheduleError { text: text.to_owned(), why: e.to_string() };
        parser.parse(text).map(Self).map_err(why)
    }

    /// What is due, when `last` is the period that was swept for last (or the moment from which the schedule holds).
    pub fn due(&self, last: Timestamp, now: Timestamp) -> Due {
        let mut due = Due { now: None, missed: Vec::new(), next: None };
        let mut at = last;
        loop {
            let Some(next) = self.after(at) else { return due };
            if next.0 > now.0 {
                due.next = Some(next);
                return due;
            }
            due.missed.extend(due.now.replace(next));
            if due.missed.len() > MISSED_MAX {
                due.missed.remove(0);
            }
            at = next;
        }
    }

    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        let civil = civil(at)?;
        let next = self.0.find_next_occurrence(&civil, false).ok()?;
        let zoned = next.to_zoned(TimeZone::UTC).ok()?;
        Some(Timestamp(zoned.timestamp().as_millisecond()))
    }
}

fn civil(at: Timestamp) -> Option<DateTime> {
    Some(jiff::Timestamp::from_millisecond(at.0).ok()?.to_zoned(TimeZone::UTC).datetime())
}

/// The id of the sweep of a period.
pub fn sweep_id(organisation: &str, period: Timestamp) -> Digest {
    FieldHasher::new("ligase.sweep.scheduled.v1").field(organisation).field(period.0.to_le_bytes()).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn the_last_period_that_began_is_due_and_those_before_it_are_missed() {
        let hourly = Schedule::read("0 * * * *").unwrap();
        let at = |h: i64| Timestamp(h * HOUR);
        assert_eq!(hourly.due(at(5), Timestamp(5 * HOUR + 1)), Due { now: None, missed: vec![], next: Some(at(6)) });
        assert_eq!(hourly.due(at(5), at(6)), Due { now: Some(at(6)), missed: vec![], next: Some(at(7)) });
        let late = hourly.due(at(5), Timestamp(8 * HOUR + 5));
        assert_eq!(late, Due { now: Some(at(8)), missed: vec![at(6), at(7)], next: Some(at(9)) });
        assert_eq!(hourly.due(at(8), Timestamp(8 * HOUR + 5)).now, None, "a second tick of a period is nothing");
    }

    #[test]
    fn a_long_absence_is_bounded_and_a_wrong_expression_is_told() {
        let minutely = Schedule::read("* * * * *").unwrap();
        assert!(minutely.due(Timestamp(0), Timestamp(30 * 24 * HOUR)).missed.len() <= MISSED_MAX);
        for wrong in ["", "every day", "61 * * * *", "* * * *"] {
            assert!(Schedule::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_period_has_one_sweep() {
        assert_eq!(sweep_id("acme", Timestamp(7)), sweep_id("acme", Timestamp(7)));
        assert_ne!(sweep_id("acme", Timestamp(7)), sweep_id("acme", Timestamp(8)));
        assert_ne!(sweep_id("acme", Timestamp(7)), sweep_id("acne", Timestamp(7)));
    }
}
