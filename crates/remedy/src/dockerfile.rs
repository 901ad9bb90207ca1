//! What a Dockerfile leaves to root, so that another account could not write it: the folders that it gives as volumes, where
//! it hands nothing over. Next: `verbs.rs`, which asks before it names another account.

use crate::source::{Refusal, SourceText};

/// Refuses another account where volumes are made and nothing is given to anybody.
pub fn refuse_volumes_of_root(source: &SourceText) -> Result<(), Refusal> {
    let text = source.as_str();
    let volume = text.lines().map(str::trim).find(|l| l.len() > 7 && l.to_ascii_uppercase().starts_with("VOLUME "));
    match volume.filter(|_| !text.contains("chown")) {
        Some(line) => Err(Refusal::new("volume-of-root", line.chars().take(80).collect::<String>())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ligase_domain::{Origin, PathClass};

    #[test]
    fn a_volume_that_nobody_is_given_stays_root_s() {
        for (text, refused) in [
            ("FROM a\nRUN useradd app\nVOLUME /data\nCMD [\"a\"]\n", true),
            ("FROM a\nRUN useradd app && mkdir /data && chown app /data\nVOLUME /data\nCMD [\"a\"]\n", false),
            ("FROM a\nRUN useradd app\nCMD [\"a\"]\n", false),
        ] {
            let class = PathClass { dialect: "dockerfile".to_owned(), origin: Origin::Source };
            let source = SourceText::read(&"Dockerfile".into(), &class, text.as_bytes().to_vec()).unwrap();
            assert_eq!(refuse_volumes_of_root(&source).is_err(), refused, "{text}");
        }
    }
}
