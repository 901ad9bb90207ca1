//! Whether every block of a Python file has a body: a grammar that mends what it reads takes `def f():` and nothing below it
//! for a function, Python does not. Next: `scan.rs`.

use super::scan::Python;

/// The first line that opens a block and has nothing below it, counted from one.
pub(crate) fn block_without_body(text: &str) -> Option<usize> {
    let python = Python::scan(text).ok()?;
    let lines = python.lines();
    let starts: Vec<(usize, usize, bool)> = lines
        .iter()
        .filter_map(|line| {
            let first = python.skip_comments(line.start);
            if first >= line.end {
                return None;
            }
            let last = (first..line.end).rev().find(|at| python.skip_comments(*at) == *at)?;
            let start = python.tokens[first].start;
            Some((start, python.indent_of(start)?, python.is(last, ":")))
        })
        .collect();
    let open = starts
        .iter()
        .enumerate()
        .find(|(n, (_, indent, opens))| *opens && starts.get(n + 1).is_none_or(|(_, next, _)| next <= indent));
    open.map(|(_, (start, ..))| text[..*start].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_a_body() {
        for good in [
            "def f():\n    return 1\n",
            "def f(\n    a,\n):\n    # why\n    return a\n",
            "if a: b()\nelse:\n    c()\n",
            "x = {\n    1:\n        2,\n}\n",
            "class A:  # a class\n    b: int = 1\n",
            "y = a[1:]\nf = lambda: 1\n",
            "",
        ] {
            assert_eq!(block_without_body(good), None, "{good}");
        }
        for (bad, line) in [
            ("def f():\n", 1),
            ("x = 1\nasync def f():\nasync def f():\n    return\n", 2),
            ("if a:\n    # nothing\nb()\n", 1),
            ("class A:\n    def f(self):\n    def g(self):\n        pass\n", 2),
        ] {
            assert_eq!(block_without_body(bad), Some(line), "{bad}");
        }
    }
}
