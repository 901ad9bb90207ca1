//! `ligase completions`: a shell's completions on standard output, made from the command line's own definition.

use crate::args::Cli;
use crate::failure::Exit;
use clap::CommandFactory as _;
use clap_complete::Shell;

/// Runs it.
pub fn run(shell: Shell) -> Exit {
    clap_complete::generate(shell, &mut Cli::command(), "ligase", &mut std::io::stdout());
    Exit::Holds
}
