//! What a person sees: tables, places, colours that a pipe does not get; and the JSON that a script gets.

use anstream::println;
use comfy_table::{Cell, ContentArrangement, Table, presets};
use std::fmt::Display;

/// Widest output on a terminal that does not say how wide it is, or is wider: long lines are hard to read.
const WIDTH_MAX: u16 = 160;

/// ANSI styles; `anstream` takes them out where the output is no terminal.
pub mod style {
    /// Bold.
    pub const BOLD: &str = "\x1b[1m";
    /// Dim.
    pub const DIM: &str = "\x1b[2m";
    /// Red.
    pub const RED: &str = "\x1b[31m";
    /// Green.
    pub const GREEN: &str = "\x1b[32m";
    /// Yellow.
    pub const YELLOW: &str = "\x1b[33m";
    /// Cyan.
    pub const CYAN: &str = "\x1b[36m";
    /// Back to normal.
    pub const RESET: &str = "\x1b[0m";
}

/// The text in a style.
pub fn styled(style: &str, text: impl Display) -> String {
    format!("{style}{text}{}", style::RESET)
}

/// A heading with a blank line before it.
pub fn heading(text: impl Display) {
    println!("\n{}", styled(style::BOLD, text));
}

/// Columns without borders, wrapped to the terminal.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    let width = terminal_width();
    table.set_width(width);
    if header.iter().any(|h| !h.is_empty()) {
        table.set_header(header.iter().map(|h| Cell::new(styled(style::DIM, h))));
    }
    for row in rows {
        table.add_row(row);
    }
    for line in table.to_string().lines() {
        println!("  {}", line.trim_end());
    }
}

fn terminal_width() -> u16 {
    let columns = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let terminal = || rustix::termios::tcgetwinsize(std::io::stdout()).ok().map(|size| size.ws_col).filter(|c| *c > 0);
    columns.or_else(terminal).unwrap_or(WIDTH_MAX).clamp(60, WIDTH_MAX).saturating_sub(2)
}

/// An outcome's word in its colour.
pub fn outcome(name: &str) -> String {
    let colour = match name {
        "satisfied" => style::GREEN,
        "not-satisfied" => style::RED,
        "indeterminate" => style::YELLOW,
        _ => style::DIM,
    };
    styled(colour, name)
}

/// `1 finding`, `2 findings`.
pub fn counted(count: u64, one: &str) -> String {
    if count == 1 {
        format!("1 {one}")
    } else if let Some(stem) = one.strip_suffix('y') {
        format!("{count} {stem}ies")
    } else {
        format!("{count} {one}s")
    }
}

/// A unified diff in its colours, indented.
pub fn diff(text: &str) {
    for line in text.lines() {
        let colour = match line.as_bytes().first() {
            Some(b'+') => style::GREEN,
            Some(b'-') => style::RED,
            Some(b'@') => style::CYAN,
            _ => "",
        };
        println!("    {}", if colour.is_empty() { line.to_owned() } else { styled(colour, line) });
    }
}

/// One JSON document.
pub fn json(value: &serde_json::Value) {
    println!("{}", serde_json::to_string_pretty(value).expect("a JSON value prints"));
}
