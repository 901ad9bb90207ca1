//! Extractors that read a text into numbers: how long, how often. They are part of the closed list that probes may name
//! (`pattern.rs`), the same for every language; what they cannot read is absent, never guessed.

/// Seconds of one unit.
fn unit(name: &str) -> Option<i64> {
    Some(match name.to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 1,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3_600,
        "d" | "day" | "days" => 86_400,
        "w" | "week" | "weeks" => 604_800,
        "month" | "months" => 2_592_000,
        "y" | "year" | "years" => 31_536_000,
        _ => return None,
    })
}

/// Seconds: `15m`, `1h30m`, `10 minutes`, `PT15M`. A number without a unit says nothing.
pub(crate) fn duration(text: &str) -> Option<i64> {
    let text = text.trim();
    let iso = text.strip_prefix("PT").or_else(|| text.strip_prefix("pt"));
    let (mut rest, mut total) = (iso.unwrap_or(text), 0_i64);
    if rest.is_empty() || rest.len() > 60 {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let after = rest[digits..].trim_start();
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        total = total.checked_add(number.checked_mul(unit(&after[..end])?)?)?;
        rest = after[end..].trim_start();
    }
    Some(total)
}

/// How many in how many seconds: `5/minute`, `5 per minute`, `100/15minutes`, `10 per 2 hours`, `5-M`. Of several, separated by
/// commas or semicolons, the one that allows the fewest for the time.
pub(crate) fn rate(text: &str) -> Option<(i64, i64)> {
    let rates = text.split([';', ',']).map(one_rate).collect::<Option<Vec<_>>>()?;
    rates.into_iter().min_by(|a, b| (i128::from(a.0) * i128::from(b.1)).cmp(&(i128::from(b.0) * i128::from(a.1))))
}

fn one_rate(text: &str) -> Option<(i64, i64)> {
    let text = text.trim();
    let (limit, window) = text.split_once('/').or_else(|| text.split_once(" per ")).or_else(|| text.split_once('-'))?;
    let limit: i64 = limit.trim().parse().ok()?;
    let window = window.trim();
    let seconds = unit(window).or_else(|| duration(window))?;
    (limit >= 0 && seconds > 0).then_some((limit, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_and_rates_are_read_as_people_write_them() {
        for (text, seconds) in
            [("15m", 900), ("1h30m", 5_400), ("10 minutes", 600), ("PT15M", 900), ("2 days", 172_800)]
        {
            assert_eq!(duration(text), Some(seconds), "{text}");
        }
        for text in ["", "15", "m", "1x", "-5m", "99999999999999999999s", "1h and a bit"] {
            assert_eq!(duration(text), None, "{text}");
        }
        for (text, limit, window) in [
            ("5/minute", 5, 60),
            ("5 per minute", 5, 60),
            ("100/15minutes", 100, 900),
            ("10 per 2 hours", 10, 7_200),
            ("5-M", 5, 60),
            ("100/hour;5/minute", 100, 3_600),
            ("3/second, 60/hour", 60, 3_600),
        ] {
            assert_eq!(rate(text), Some((limit, window)), "{text}");
        }
        for text in ["5", "five/minute", "5/", "5/parsec", "5/minute;", "5/0s"] {
            assert_eq!(rate(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_an_extractor(text in ".{0,80}") {
            let _ = (duration(&text), rate(&text));
        }

        #[test]
        fn what_is_written_is_read(limit in 0_i64..1_000_000, count in 1_i64..1_000) {
            prop_assert_eq!(rate(&format!("{limit}/{count}minutes")), Some((limit, count * 60)));
            prop_assert_eq!(duration(&format!("{count}h")), Some(count * 3_600));
        }
    }
}
