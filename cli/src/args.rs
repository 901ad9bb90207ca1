//! The command line: parsed here, and nothing else. What each command does stands in `commands/`.

pub mod fleet;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Compliance that repairs itself: reads what services declare, looks at their code, and opens verified pull requests.
#[derive(Debug, Parser)]
#[command(name = "ligase", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more on standard error (repeat for more still)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Write log lines as JSON
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text, env = "LIGASE_LOG_FORMAT")]
    pub log_format: LogFormat,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// Printed below every help page.
const EXIT_CODES: &str =
    "Exit codes: 0 everything holds · 1 there are findings · 2 usage or bad input · 3 could not look";

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    /// For a person
    Text,
    /// One JSON object a line
    Json,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Judge a working tree or repository by what its dna.yaml declares; touches nothing
    Check(Check),
    /// Make patches for what a working tree does not honour, try each in the gate; writes nothing without --write
    Fix(Fix),
    /// Propose a dna.yaml from what stands in a repository, with a reason for each line; writes nothing without --write
    Init(Init),
    /// See whether this machine has what Ligase needs: git, sandbox, space, clock, state folder, catalog
    Doctor(Doctor),
    /// Print a shell's completions, to be sourced
    Completions {
        /// Which shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Keep a marked block in AGENTS.md true to what a tree's dna.yaml declares
    Render(Render),
    /// Serve the constraints of a working tree to coding agents over the Model Context Protocol; only reads
    Mcp(Mcp),
    /// Look at every repository of the organisation, judge, and open or follow pull requests
    Sweep(Sweep),
    /// Where the organisation stands: services, frameworks, pull requests, what waits
    Status(Standing),
    /// Write the organisation's state as one static page: coverage, cascades, pull requests, findings, what was not looked at
    Report(Report),
    /// What adopting a framework would ask for, and its price, for a working tree or with --state for the organisation; touches nothing
    Assess(Assess),
    /// List findings
    Findings(Findings),
    /// Everything behind one finding, from controls to pull request; or with `task KEY` every attempt at a task
    Explain(Explain),
    /// List pull requests, show one with its diff and gate report, or act on one as a person
    Changesets(Changesets),
    /// The knowledge: list it, check it, run its examples
    Catalog(Catalog),
    /// Print the JSON Schema of a document, for editors
    Schema {
        /// Which document
        #[arg(value_enum)]
        document: Document,
    },
    /// The evidence store: count it, rebuild its index, export its journal
    Evidence(Evidence),
    /// Coordinate: sweep by a schedule, judge, deliver, and answer workers and people
    Serve(fleet::Serve),
    /// Look: take probe and verification tasks from the queue
    Worker(fleet::Member),
    /// Change: take remedy tasks from the queue
    AgentRunner(fleet::Member),
    /// Who works for a coordinator and what waits; tell workers to drain
    Fleet(fleet::Fleet),
    /// Tasks that were set aside after their last attempt
    #[command(name = "deadletter")]
    DeadLetter(fleet::DeadLetter),
    /// Make a development authority and certificates that name a role and a process
    Certs(fleet::Certs),
    /// Run the whole loop on an example organisation, from declaration to merged and verified fix
    Demo(Demo),
    /// A child of this program that speaks to a git server; not for people
    #[command(name = "__vcs", hide = true)]
    Vcs,
    /// A child of this program that looks at files; not for people
    #[command(name = "__lookout", hide = true)]
    Lookout,
}

/// What is looked at, and judged by what: `check` and `fix`.
#[derive(Debug, Args)]
pub struct Look {
    /// A folder or repository
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Judge this revision too and be about the difference alone; its declarations govern
    #[arg(long, value_name = "REV")]
    pub base: Option<String>,
    /// Stands in for a dna.yaml, such as "data=phi,pii;exposure=internet;residency=eu;frameworks=hipaa"
    #[arg(long, value_name = "DNA")]
    pub assume: Option<String>,
    /// Judge every clause that the catalog has
    #[arg(long)]
    pub all: bool,
    /// Show more: satisfied and not-applicable findings too, every check of the gate
    #[arg(long)]
    pub full: bool,
    /// A folder with an organisation's own catalog, beside the one that ships
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
}

/// `ligase check`.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub look: Look,
    /// How findings are printed [default: text; json with --json]
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: Option<ReportFormat>,
}

/// How `check` prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReportFormat {
    /// For a person
    Text,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning and editors
    Sarif,
    /// JUnit XML, for CI servers that show test results
    Junit,
    /// Workflow commands that GitHub Actions shows beside the lines
    Annotations,
}

/// `ligase fix`.
#[derive(Debug, Args)]
pub struct Fix {
    #[command(flatten)]
    pub look: Look,
    /// Only this finding (its id, or the first digits of it); repeat for more
    #[arg(long, value_name = "ID")]
    pub finding: Vec<String>,
    /// Do not run the service's own tests, which its dna.yaml names under verify
    #[arg(long)]
    pub no_verify: bool,
    /// Write the patches that the gate passed; those that need a plan only where --finding names them
    #[arg(long)]
    pub write: bool,
}

/// `ligase init`.
#[derive(Debug, Args)]
pub struct Init {
    /// A repository; with --all a folder of repositories
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Write dna.yaml where there is none; a file that exists is never changed
    #[arg(long)]
    pub write: bool,
    /// Propose for every repository in the folder
    #[arg(long)]
    pub all: bool,
    /// With --all: put the proposals into this folder, one file a service, for the organisation's own repository
    #[arg(long, value_name = "DIR", requires = "all")]
    pub out: Option<PathBuf>,
    /// A folder with an organisation's own catalog, beside the one that ships
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
}

/// `ligase doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// The folder that holds evidence and state
    #[arg(long, env = "LIGASE_STATE", value_name = "DIR", default_value = ".ligase")]
    pub state: PathBuf,
    /// A folder with an organisation's own catalog, beside the one that ships
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
    /// A folder for fetched repositories, whose space is looked at too
    #[arg(long, value_name = "DIR", env = "LIGASE_CACHES")]
    pub caches: Option<PathBuf>,
    /// The monitoring address (host:port) of a NATS server, from which it is seen whether it syncs every write
    #[arg(long, value_name = "ADDRESS", env = "LIGASE_NATS_MONITORING")]
    pub nats_monitoring: Option<String>,
    /// Copies that the NATS servers are to keep of everything
    #[arg(long, value_name = "N", default_value_t = 3, env = "LIGASE_REPLICAS", value_parser = fleet::replicas())]
    pub replicas: usize,
    /// Zones that there are beside `anywhere`, with commas between
    #[arg(long, value_name = "ZONES", value_delimiter = ',', env = "LIGASE_ZONES")]
    pub zones: Vec<String>,
    #[command(flatten)]
    pub nats: fleet::Nats,
    #[command(flatten)]
    pub remote: fleet::Remote,
}

/// `ligase render`.
#[derive(Debug, Args)]
pub struct Render {
    /// A folder with a dna.yaml
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Write the block into AGENTS.md; without it, print it
    #[arg(long, conflicts_with = "check")]
    pub write: bool,
    /// Say whether AGENTS.md is true, and exit with 1 if it is not
    #[arg(long)]
    pub check: bool,
    /// A folder with an organisation's own catalog, beside the one that ships
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
}

/// `ligase mcp`.
#[derive(Debug, Args)]
pub struct Mcp {
    /// The working tree
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// A folder with an organisation's own catalog, beside the one that ships
    #[arg(long, value_name = "DIR")]
    pub catalog: Option<PathBuf>,
}

/// Which organisation, and where its state lies.
#[derive(Clone, Debug, Args)]
pub struct Standing {
    /// The organisation's policy [default: the one of the last sweep into the state folder]
    #[arg(long, env = "LIGASE_ORG", value_name = "FILE", global = true)]
    pub org: Option<PathBuf>,
    /// The folder that holds evidence and state
    #[arg(long, env = "LIGASE_STATE", value_name = "DIR", default_value = ".ligase", global = true)]
    pub state: PathBuf,
    #[command(flatten)]
    pub remote: fleet::Remote,
}

/// `ligase sweep`.
#[derive(Debug, Args)]
pub struct Sweep {
    #[command(flatten)]
    pub standing: Standing,
    /// Look and judge, and show what would be changed; make and open nothing
    #[arg(long)]
    pub plan: bool,
    /// Workers' and agent-runners' slots [default: the machine's cores]; without meaning where --coordinator is named
    #[arg(long, value_name = "N")]
    pub slots: Option<usize>,
    /// Only these repositories, by name or id, ahead of everything else [default: all]
    #[arg(value_name = "REPOSITORY")]
    pub only: Vec<String>,
}

/// `ligase report`.
#[derive(Debug, Args)]
pub struct Report {
    #[command(flatten)]
    pub standing: Standing,
    /// The folder into which `index.html` is written; it is made where it is absent
    #[arg(long, value_name = "DIR")]
    pub html: PathBuf,
}

/// `ligase assess`.
#[derive(Debug, Args)]
pub struct Assess {
    /// A folder or repository [default: the current one; with --state none]
    #[arg(conflicts_with = "state")]
    pub path: Option<PathBuf>,
    /// These frameworks, in full [default: a line for each of the catalog]
    #[arg(long, value_name = "FRAMEWORK", value_delimiter = ',')]
    pub adopt: Vec<String>,
    /// Stands in for a dna.yaml, such as "data=phi,pii;exposure=internet;residency=eu"
    #[arg(long, value_name = "DNA", conflicts_with = "state")]
    pub assume: Option<String>,
    /// A folder with an organisation's own catalog, beside the one that ships
    #[arg(long, value_name = "DIR", conflicts_with = "state")]
    pub catalog: Option<PathBuf>,
    /// The organisation whose evidence and state this folder holds, as it was last swept
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// The organisation's policy [default: the one of the last sweep into the state folder]
    #[arg(long, value_name = "FILE", requires = "state")]
    pub org: Option<PathBuf>,
}

/// `ligase findings`.
#[derive(Debug, Args)]
pub struct Findings {
    #[command(flatten)]
    pub standing: Standing,
    /// Only this service (its id or name)
    #[arg(long)]
    pub service: Option<String>,
    /// Only this clause or constraint
    #[arg(long)]
    pub clause: Option<String>,
    /// Only this outcome; `open` is not satisfied and not waived
    #[arg(long, value_parser = ["open", "satisfied", "not-satisfied", "not-applicable", "indeterminate", "all"], default_value = "open")]
    pub outcome: String,
    /// So many of them, drawn clause by clause and service by service
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,
    /// What decides which ones are drawn; the same seed draws the same ones
    #[arg(long, value_name = "N", default_value_t = 1, requires = "sample")]
    pub seed: u64,
}

/// `ligase explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// A finding's id, or the first digits of it; or the word `task`
    pub id: String,
    /// After `task`: its key, or the first digits of it
    #[arg(value_name = "KEY")]
    pub task: Option<String>,
    #[command(flatten)]
    pub standing: Standing,
}

/// `ligase changesets`.
#[derive(Debug, Args)]
pub struct Changesets {
    #[command(flatten)]
    pub standing: Standing,
    #[command(subcommand)]
    pub act: Option<Act>,
}

/// What can be done about a changeset.
#[derive(Debug, Subcommand)]
pub enum Act {
    /// Show one: its diff, its gate report, its life
    Show {
        /// The changeset's id, or the first digits of it
        id: String,
    },
    /// Candidate patches that the gate refused, with the reason of each
    Refused,
    /// Merge it on the local forge, as a person
    Merge(ByPerson),
    /// Close it on the local forge, as a person: Ligase will not propose it again
    Close(ByPerson),
    /// Revert its merge on the local forge, as a person
    Revert(ByPerson),
    /// Comment on it, as a person
    Comment(ByPerson),
    /// Approve it, as a person
    Approve(ByPerson),
    /// Let Ligase propose again what was closed or regressed
    Resume(ByPerson),
    /// Record a review of a repository's revision, so that the waivers in its declarations count
    ApproveWaivers {
        /// The repository's name
        repository: String,
        /// Who approves: one of the policy's approvers
        #[arg(long = "as", value_name = "LOGIN")]
        login: String,
        /// The revision that was reviewed [default: the head of the default branch]
        #[arg(long)]
        revision: Option<String>,
    },
}

/// Which changeset, and who acts.
#[derive(Debug, Args)]
pub struct ByPerson {
    /// The changeset's id, or the first digits of it
    pub id: String,
    /// Who acts, as a forge login
    #[arg(long = "as", value_name = "LOGIN")]
    pub login: String,
    /// Why, or what is said
    #[arg(short, long, default_value = "")]
    pub message: String,
}

/// `ligase catalog`.
#[derive(Debug, Args)]
pub struct Catalog {
    /// A folder with an organisation's own catalog, beside the one that ships
    #[arg(long, value_name = "DIR", global = true)]
    pub catalog: Option<PathBuf>,
    #[command(subcommand)]
    pub verb: CatalogVerb,
}

/// What can be asked of the catalog.
#[derive(Debug, Subcommand)]
pub enum CatalogVerb {
    /// Constraints, clauses, stacks and the controls that they serve
    List,
    /// Check every document: places, paths, expressions, links
    Lint,
    /// Run every example and say which cells are real
    Test,
    /// One constraint or clause, whole: what it asks, how it decides, which controls it serves, what repairs it
    Show {
        /// Such as `enc-at-rest` or `enc-at-rest/storage`
        id: String,
    },
    /// The matrix of clauses and stacks: examples that hold, remedies, and what is empty
    Coverage,
    /// Write the files of a new constraint into the folder of --catalog: they load, and their example holds
    New {
        /// The constraint's id, in lower-case letters, digits and dashes
        id: String,
        /// The observation kind that its clause judges
        #[arg(long, default_value = "endpoint")]
        kind: String,
    },
}

/// Documents that have a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Document {
    /// dna.yaml
    Service,
    /// The organisation's policy
    Organisation,
    /// catalog/frameworks/<id>.yaml
    Framework,
    /// catalog/constraints/<id>.yaml
    Constraint,
    /// catalog/kinds/<kind>.yaml
    Kind,
}

/// `ligase evidence`.
#[derive(Debug, Args)]
pub struct Evidence {
    /// The folder that holds evidence and state
    #[arg(long, env = "LIGASE_STATE", value_name = "DIR", default_value = ".ligase", global = true)]
    pub state: PathBuf,
    #[command(subcommand)]
    pub verb: EvidenceVerb,
}

/// What can be done with the evidence store.
#[derive(Debug, Subcommand)]
pub enum EvidenceVerb {
    /// Objects, bytes, journal entries, index entries
    Stats,
    /// Rebuild the index from the segments and the journal
    Reindex,
    /// Every entry of the journal with the object that it names, a line of JSON each, in their order
    Journal,
}

/// `ligase demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Where to build the organisation; must be empty or absent [default: a new temporary folder, kept]
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Look at this folder or repository too, and judge it by what the organisation adopted; nothing below it is changed
    #[arg(long, value_name = "PATH")]
    pub also: Option<PathBuf>,
}
