//! The intent's marker: it stands in the commit as a trailer and in the pull request's text as a comment, so that a pull
//! request is found again by what it is for. A title or a label is never identity.

use ligase_domain::IntentId;

/// The trailer of every commit that we publish.
pub const INTENT_TRAILER: &str = "Ligase-Intent";

/// The message with the intent's trailer, which is added when it is not there.
pub fn mark_message(message: &str, intent: &IntentId) -> String {
    let trailer = format!("{INTENT_TRAILER}: {intent}");
    let message = message.trim_end();
    if message.lines().any(|line| line == trailer) {
        return format!("{message}\n");
    }
    // A block of trailers at the end is continued; anything else gets one of its own.
    let (before, last) = message.rsplit_once("\n\n").unwrap_or((message, ""));
    let continues = !before.is_empty() && !last.is_empty() && last.lines().all(is_trailer);
    let gap = if continues { "\n" } else { "\n\n" };
    format!("{message}{gap}{trailer}\n")
}

fn is_trailer(line: &str) -> bool {
    line.split_once(": ").is_some_and(|(name, value)| {
        !name.is_empty() && !value.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    })
}

/// The text with the intent's marker, which is added when it is not there.
pub fn mark_body(body: &str, intent: &IntentId) -> String {
    let marker = format!("<!-- ligase-intent: {intent} -->");
    let body = body.trim_end();
    if body.contains(&marker) { body.to_owned() } else { format!("{body}\n\n{marker}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::Digest;
    use proptest::prelude::*;

    #[test]
    fn a_trailer_joins_a_block_or_begins_one() {
        let intent = IntentId(Digest::of(b"x"));
        let line = format!("Ligase-Intent: {intent}\n");
        assert_eq!(mark_message("subject", &intent), format!("subject\n\n{line}"));
        assert_eq!(mark_message("fix: subject", &intent), format!("fix: subject\n\n{line}"));
        assert_eq!(mark_message("subject\n\nbody text\n", &intent), format!("subject\n\nbody text\n\n{line}"));
        assert_eq!(mark_message("subject\n\nbody\n\nA-b: c", &intent), format!("subject\n\nbody\n\nA-b: c\n{line}"));
    }

    proptest! {
        #[test]
        fn marking_twice_is_marking_once(text in "[a-z:\n -]{0,60}") {
            let intent = IntentId(Digest::of(b"x"));
            let message = mark_message(&text, &intent);
            prop_assert_eq!(mark_message(&message, &intent), message);
            let body = mark_body(&text, &intent);
            prop_assert_eq!(mark_body(&body, &intent), body);
        }
    }
}
