//! The system's clock, and how a moment is printed. Nothing else in the workspace reads the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's clock, in UTC milliseconds since 1970.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The present moment. A clock before 1970 reads as 0.
    pub fn now_ms(self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_add(skew_ms())
    }
}

/// By how much a test has set this process's clock wrong. What ships reads no such variable.
fn skew_ms() -> i64 {
    #[cfg(debug_assertions)]
    {
        static SKEW: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
        *SKEW.get_or_init(|| std::env::var("LIGASE_CLOCK_SKEW_MS").ok().and_then(|v| v.parse().ok()).unwrap_or(0))
    }
    #[cfg(not(debug_assertions))]
    0
}

/// The day number since 1970-01-01 of a moment in milliseconds.
pub fn unix_day(ms: i64) -> i64 {
    ms.div_euclid(86_400_000)
}

/// RFC 3339 in UTC to the second: `2026-11-22T17:00:00Z`. Civil-from-days after Howard Hinnant's public-domain algorithm.
pub fn rfc3339(ms: i64) -> String {
    let (days, second) = (unix_day(ms), ms.div_euclid(1000).rem_euclid(86_400));
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * day_of_year + 2) / 153;
    let (day, month) = (day_of_year - (153 * m + 2) / 5 + 1, if m < 10 { m + 3 } else { m - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_as_the_calendar_has_them() {
        for (ms, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400_000, "2000-02-29T00:00:00Z"),
            (1_795_366_799_999, "2026-11-22T16:59:59Z"),
            (-1, "1969-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(ms), text);
        }
    }
}
