//! The one binary, `ligase`: parses, wires and exits. Every role and every verb is a subcommand.

mod apply;
mod args;
mod assess;
mod commands;
mod embedded;
mod failure;
mod fleet;
mod guide;
mod html;
mod local;
mod looks;
mod output;
mod owners;
mod proposal;
mod report;
mod rows;
mod sample;

use args::{Cli, Command, LogFormat};
use failure::{Exit, Failure};
use std::process::ExitCode;

fn main() -> ExitCode {
    let (cli, dump) = match fleet::settings::parse(std::env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(failure) => {
            let as_json = std::env::args_os().any(|a| a == "--json");
            return ExitCode::from(failure.report(as_json) as u8);
        }
    };
    if let Some(dump) = dump {
        fleet::settings::print(&dump, cli.json);
        return ExitCode::from(Exit::Holds as u8);
    }
    // A role starts its log itself, with what it exports.
    if !matches!(cli.command, Command::Serve(_) | Command::Worker(_) | Command::AgentRunner(_)) {
        ligase_runtime::init_log(log_format(&cli), cli.verbose);
    }
    let ended = run(&cli);
    let exit = ended.unwrap_or_else(|failure| failure.report(cli.json));
    ExitCode::from(exit as u8)
}

/// How log lines are written.
pub fn log_format(cli: &Cli) -> ligase_runtime::LogFormat {
    match cli.log_format {
        LogFormat::Text => ligase_runtime::LogFormat::Text,
        LogFormat::Json => ligase_runtime::LogFormat::Json,
    }
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Check(args) => commands::check::run(args, cli.json),
        Command::Fix(args) => commands::fix::run(args, cli.json),
        Command::Init(args) => commands::init::run(args, cli.json),
        Command::Doctor(args) => commands::doctor::run(args, cli.json),
        Command::Completions { shell } => Ok(commands::completions::run(*shell)),
        Command::Render(args) => commands::render::run(args, cli.json),
        Command::Mcp(args) => commands::mcp::run(args),
        Command::Sweep(args) => commands::sweep::run(args, cli.json),
        Command::Status(standing) => commands::status::run(standing, cli.json),
        Command::Report(args) => commands::report::run(args, cli.json),
        Command::Assess(args) => commands::assess::run(args, cli.json),
        Command::Findings(args) => commands::findings::run(args, cli.json),
        Command::Explain(args) => commands::explain::run(args, cli.json),
        Command::Changesets(args) => commands::changesets::run(args, cli.json),
        Command::Catalog(args) => commands::catalog::run(args, cli.json),
        Command::Schema { document } => commands::schema::run(*document),
        Command::Evidence(args) => commands::evidence::run(args, cli.json),
        Command::Serve(args) => commands::serve::run(args, cli),
        Command::Worker(args) => commands::member::worker(args, cli),
        Command::AgentRunner(args) => commands::member::agent_runner(args, cli),
        Command::Fleet(args) => commands::fleet::run(args, cli.json),
        Command::DeadLetter(args) => commands::deadletter::run(args, cli.json),
        Command::Certs(args) => commands::certs::run(args, cli.json),
        Command::Demo(args) => commands::demo::run(args, cli.json),
        Command::Lookout => {
            let ended = ligase_lookout::child::main(std::io::stdin().lock(), std::io::stdout().lock());
            Ok(if ended.is_ok() { Exit::Holds } else { Exit::CouldNotLook })
        }
        Command::Vcs => {
            let ended = ligase_vcs::child::main(std::io::stdin().lock(), std::io::stdout().lock());
            Ok(if ended.is_ok() { Exit::Holds } else { Exit::CouldNotLook })
        }
    }
}
