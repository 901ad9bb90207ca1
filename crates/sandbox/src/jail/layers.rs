//! Which walls stand on this machine: measured once, by a script that tries from inside what must not be possible.
//!
//! Fails closed: where one wall is missing there is no jail, and the reason is said. Next: `../cell.rs`.

use super::{Jail, JailLimits};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where bubblewrap lies. Not searched by a variable: whoever sets one would choose the jailer.
const PROGRAMS: &[&str] = &["/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap", "/run/current-system/sw/bin/bwrap"];
const LIMITERS: &[&str] = &["/usr/bin/prlimit", "/bin/prlimit"];

/// Processes that the probe's script may have at once; it counts how many it gets.
const TRIED_PROCESSES: u64 = 24;

/// Prints one line for each wall: its name and what was seen. Every attempt is one that a hostile program would make.
const TRY: &str = r#"
tell() { echo "$1 $2"; }
tell network "$(grep -c : /proc/net/dev) $(grep -c 'lo:' /proc/net/dev)"
tell processes "$(ls -d /proc/[0-9]* | wc -l)"
tell files "$(for p in /usr /etc / /dev /source; do touch $p/.ligase 2>/dev/null && printf 'w'; done; ls -A / | grep -v -x -E 'bin|dev|etc|home|lib|lib32|lib64|proc|run|sbin|source|tmp|tree|usr|var' | tr -d '\n'; for p in /etc/shadow /etc/passwd /var/lib; do [ -e "$p" ] && printf 'r'; done; echo -)"
tell capabilities "$(sed -n 's/^CapBnd:[[:space:]]*//p;s/^CapEff:[[:space:]]*//p' /proc/self/status | sort -u | tr '\n' ' ')"
tell namespaces "$(unshare -U true 2>/dev/null && echo open || echo closed)"
tell disk "$(head -c 3000000 /dev/zero > /tmp/f 2>/dev/null && echo open || echo closed)"
rm -f /tmp/f
tell environment "$(env | grep -v -E '^(PATH|HOME|TMPDIR|LANG|LC_ALL|TZ|CI|NO_COLOR|PWD|OLDPWD|SHLVL|_)=' | wc -l)"
tell forks "$(ulimit -u 2>/dev/null || ulimit -p)"
"#;

/// One wall.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layer {
    /// What it keeps apart, in a word or two.
    pub name: &'static str,
    /// Whether it stands.
    pub active: bool,
    /// What was seen.
    pub says: String,
}

/// What a machine gives: for `ligase doctor`, and for whoever wants to run a command of a repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probed {
    /// Where bubblewrap lies, if it does.
    pub program: Option<PathBuf>,
    /// Every wall that was tried. Empty where nothing could be tried.
    pub layers: Vec<Layer>,
    /// Why there is no jail; none where there is one.
    pub refused: Option<String>,
    jail: Option<Jail>,
}

impl Probed {
    /// The jail, if every wall stands.
    pub fn jail(&self) -> Option<&Jail> {
        self.jail.as_ref()
    }

    fn none(program: Option<PathBuf>, why: impl Into<String>) -> Self {
        Self { program, layers: Vec::new(), refused: Some(why.into()), jail: None }
    }
}

/// Tries this machine's jail. Takes about 50 ms; ask once at start.
pub fn probe() -> Probed {
    match PROGRAMS.iter().map(Path::new).find(|p| p.exists()) {
        Some(program) => probe_at(program),
        None => Probed::none(None, "bubblewrap is not installed"),
    }
}

/// Tries the jail that this program makes.
pub fn probe_at(program: &Path) -> Probed {
    let at = Some(program.to_path_buf());
    let Some(limiter) = LIMITERS.iter().map(PathBuf::from).find(|p| p.exists()) else {
        return Probed::none(at, "prlimit is not installed");
    };
    let jail = Jail { program: program.to_path_buf(), limiter };
    let limits = JailLimits {
        processes: TRIED_PROCESSES,
        temporary_bytes: 1 << 20,
        tree_bytes: 1 << 20,
        ..JailLimits::within(Duration::from_secs(20))
    };
    // Any folder that everybody may read does: nothing is taken from it here.
    let tried = jail.inside(Path::new("/usr/bin"), TRY, &[], &limits, &|| false);
    match tried {
        Err(error) => Probed::none(at, error.to_string()),
        Ok(finished) if finished.code != Some(0) => {
            let said = String::from_utf8_lossy(&finished.stderr);
            let said = said.lines().next().unwrap_or("it ended without a word").chars().take(200).collect::<String>();
            Probed::none(at, said)
        }
        Ok(finished) => {
            let layers = layers(&String::from_utf8_lossy(&finished.stdout));
            let missing = layers.iter().find(|l| !l.active).map(|l| format!("{}: {}", l.name, l.says));
            let jail = missing.is_none().then_some(jail);
            Probed { program: at, layers, refused: missing, jail }
        }
    }
}

fn layers(said: &str) -> Vec<Layer> {
    let told = |name: &str| {
        let line = said.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        line.map_or_else(|| "nothing was seen".to_owned(), |l| l.trim().to_owned())
    };
    let layer = |name, key: &str, holds: &dyn Fn(&str) -> bool| {
        let says = told(key);
        Layer { name, active: holds(&says), says }
    };
    let number = |text: &str| text.parse::<u64>().ok();
    vec![
        layer("network", "network", &|s| s == "1 1"),
        layer("process-namespace", "processes", &|s| number(s).is_some_and(|n| (1..=TRIED_PROCESSES).contains(&n))),
        layer("files", "files", &|s| s == "-"),
        layer("capabilities", "capabilities", &|s| !s.is_empty() && s.chars().all(|c| matches!(c, '0' | ' '))),
        layer("further-namespaces", "namespaces", &|s| s == "closed"),
        layer("bounded-disk", "disk", &|s| s == "closed"),
        layer("environment", "environment", &|s| s == "0"),
        layer("process-limit", "forks", &|s| number(s) == Some(TRIED_PROCESSES)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "network 1 1\nprocesses 4\nfiles -\ncapabilities 0000000000000000 \nnamespaces closed\ndisk closed\n\
                        environment 0\nforks 24\n";

    #[test]
    fn a_wall_that_is_missing_or_says_nothing_is_not_active() {
        assert!(layers(GOOD).iter().all(|l| l.active), "{:#?}", layers(GOOD));
        for (from, to) in [
            ("network 1 1", "network 2 1"),
            ("processes 4", "processes 312"),
            ("files -", "files w-"),
            ("0000000000000000", "000001ffffffffff"),
            ("namespaces closed", "namespaces open"),
            ("disk closed", "disk open"),
            ("environment 0", "environment 3"),
            ("forks 24", "forks unlimited"),
            ("forks 24\n", ""),
        ] {
            let seen = layers(&GOOD.replace(from, to));
            assert_eq!(seen.iter().filter(|l| !l.active).count(), 1, "{to}");
        }
    }

    #[test]
    fn without_its_program_there_is_no_jail() {
        let probed = probe_at(Path::new("/nowhere/bwrap"));
        assert!(probed.jail().is_none() && probed.refused.is_some(), "{probed:?}");
        let other = probe_at(Path::new("/bin/true"));
        assert!(other.jail().is_none(), "a program that ends well and tries nothing is no jail: {other:?}");
    }
}
