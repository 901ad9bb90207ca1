//! Every target over a bounded number of mutated inputs, the same ones in every run: seconds in each test run, and as long as
//! one likes with `LIGASE_FUZZ_ROUNDS=N` (inputs a target) and `LIGASE_FUZZ_SEED=S`. The input at work lies in
//! `target/tmp/fuzz-<target>` while it is at work, so that an abort, too, leaves what caused it.

#![allow(clippy::unwrap_used)]

use ligase_fuzz::{NEXT_FILE, TARGETS, seeds, target};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

const ROUNDS: u64 = 25;
/// An input; a target must bear more, but a mutant that grows without end finds nothing new.
const INPUT_BYTES_MAX: usize = 12 << 10;

/// What parsers stumble over.
const TOKENS: &[&[u8]] = &[
    b"(",
    b")",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\"",
    b"'",
    b"'''",
    b"\"\"\"",
    b"`",
    b"${",
    b"%{",
    b"{{",
    b"}}",
    b"<<EOF\n",
    b"\\",
    b"\n",
    b"\r\n",
    b"\t",
    b"  ",
    b"#",
    b"//",
    b"/*",
    b"*/",
    b"--",
    b"---\n",
    b"...",
    b"&a ",
    b"*a",
    b"!Ref ",
    b"!!binary ",
    b"<<: ",
    b"? ",
    b"|\n",
    b">-\n",
    b": ",
    b"- ",
    b",",
    b";",
    b"=",
    b"=>",
    b"->",
    b"::",
    b"@",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x92\xa9",
    b"\xef\xbb\xbf",
    b"\xcc\x81",
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
    b"9223372036854775808",
    b"-1",
    b"1e999",
    b"0x",
    b"f\"{x}\"",
    b"lambda: ",
    b"async ",
    b"class A(A):\n",
    b"def f(f=f):\n",
    b"import ",
    b"from . import *\n",
    b"module.a",
    b"var.a",
    b"local.a",
    b"each.value",
    b"for x in x : x",
    b"func ",
    b"interface{}",
    b"type T T\n",
    b"new ",
    b"<T extends T>",
    b"?.",
    b"...x",
    b"export default ",
    b"require(",
    b"FROM x\n",
    b"RUN --mount=",
    b"ONBUILD ",
    b"<testsuite ",
    b"<![CDATA[",
    b"tests=\"",
    b"ok 1\n",
    b"1 passed",
    b"--- FAIL: x\n",
];

/// Numbers that look random and are the same in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % (n.max(1) as u64)) as usize
    }
}

fn range(n: &mut Numbers, bytes: &[u8]) -> std::ops::Range<usize> {
    let start = n.below(bytes.len() + 1);
    // Mostly a few bytes, at times a line or a page.
    let length = [1, 4, 16, 64, 512][n.below(5)];
    start..(start + n.below(length) + 1).min(bytes.len())
}

fn mutate(n: &mut Numbers, mut bytes: Vec<u8>, others: &[Vec<u8>]) -> Vec<u8> {
    for _ in 0..=n.below(6) {
        let at = range(n, &bytes);
        match n.below(9) {
            0 => drop(bytes.drain(at)),
            1 => bytes[at].iter_mut().for_each(|b| *b ^= 1 << n.below(8)),
            2 | 3 => drop(bytes.splice(at.start..at.start, TOKENS[n.below(TOKENS.len())].iter().copied())),
            4 => {
                let times = [2, 8, 64, 700, 5_000][n.below(5)];
                let part = bytes[at.clone()].repeat(times);
                bytes.splice(at.start..at.start, part.into_iter().take(INPUT_BYTES_MAX));
            }
            5 => {
                let token = TOKENS[n.below(TOKENS.len())].repeat([2, 64, 600, 4_000][n.below(4)]);
                bytes.splice(at.start..at.start, token);
            }
            6 => {
                let other = &others[n.below(others.len())];
                let part = other[range(n, other)].to_vec();
                bytes.splice(at, part);
            }
            7 => {
                let other = &others[n.below(others.len())];
                bytes.truncate(at.end);
                bytes.extend_from_slice(&other[n.below(other.len() + 1)..]);
            }
            _ => {
                let other = others[n.below(others.len())].clone();
                bytes.extend_from_slice(NEXT_FILE);
                bytes.extend(other);
            }
        }
        bytes.truncate(INPUT_BYTES_MAX);
    }
    bytes
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

fn drive(name: &str) {
    let target = target(name).unwrap();
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("fuzz-{name}"));
    let mut starts = seeds(target);
    assert!(!starts.is_empty(), "{name} has no seeds");
    starts.push(Vec::new());
    let (rounds, seed) = (number("LIGASE_FUZZ_ROUNDS").unwrap_or(ROUNDS), number("LIGASE_FUZZ_SEED").unwrap_or(1));
    let salt = name.bytes().fold(seed, |n, b| n.wrapping_mul(31).wrapping_add(u64::from(b)));
    let mut numbers = Numbers(salt);
    let run = |input: &[u8]| {
        std::fs::write(&file, input).unwrap();
        let ended = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
        if ended.is_err() {
            let kept = file.with_extension("found");
            std::fs::write(&kept, input).unwrap();
            panic!("{name} fell over the input in {}", kept.display());
        }
    };
    for _ in 0..rounds {
        let start = starts[numbers.below(starts.len())].clone();
        run(&mutate(&mut numbers, start, &starts));
    }
    std::fs::remove_file(&file).unwrap();
}

macro_rules! driven {
    ($($name:ident,)*) => {
        $(#[test]
        fn $name() {
            drive(stringify!($name));
        })*

        #[test]
        fn every_target_is_driven_here_and_has_a_file_for_libfuzzer() {
            let names: Vec<&str> = TARGETS.iter().map(|t| t.name).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz_targets");
            let mut files: Vec<String> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            files.sort();
            assert_eq!(files, names.iter().map(|n| format!("{n}.rs")).collect::<Vec<_>>());
        }
    };
}

driven! {
    declaration,
    edits,
    frames,
    look_cloudformation,
    look_compose,
    look_dockerfile,
    look_github_actions,
    look_gitlab_ci,
    look_go,
    look_helm_values,
    look_java,
    look_javascript,
    look_prisma,
    look_python,
    look_ruby,
    look_settings,
    look_sql,
    look_terraform,
    look_typescript,
    look_yaml,
    patch,
    records,
    test_output,
}
