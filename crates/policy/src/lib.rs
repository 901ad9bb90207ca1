//! The judgement: reads `dna.yaml`, the organisation's policy and the catalog; resolves them into requirements; judges
//! observations; plans what is to be done; checks the structure of patches.
//!
//! The deciding half (`resolve`, `judge`, `plan`, `patch`) is pure: no I/O, no clock, no randomness. The same inputs give
//! the same bytes. It never looks at source itself, and it never says that a framework is complied with.
//! Read `judge.rs` first, then `resolve.rs`, `plan.rs`, `dna.rs`.

mod adopt;
pub mod catalog;
pub mod dna;
mod drift;
mod expression;
pub mod judge;
mod lint;
pub mod organisation;
pub mod patch;
pub mod plan;
pub mod resolve;
pub mod roster;
pub mod schema;
mod scope;
mod template;
mod weaken;

pub use catalog::{Catalog, ClauseRef};
pub use dna::{Dna, Exposure, Waiver};
pub use drift::OwnerFact;
pub use expression::env as expression_env;
pub use judge::{JudgeEnv, JudgeInput, NoSheets, Sheets, judge, judge_with};
pub use organisation::{Budgets, Enforcement, Mode, Organisation, Source, SourcePlace};
pub use patch::{ChangedFile, PatchRules, structural};
pub use plan::{Decisions, Plan, PlanInput, PlannedIntent, PlannedService, Waiting, plan};
pub use resolve::{Approval, Approvals, Declaration, DesiredState, Requirement, ResolvedWaiver, resolve};
pub use schema::schema;
pub use scope::Scope;
pub use weaken::{Weakening, weakening_findings, weakenings};

/// The clause under which a declaration that is not true is found: DNA drift.
pub const DECLARATION_TRUE: &str = "declaration/true";
/// The clause under which a declaration that a change weakens is found.
pub const NOT_WEAKENED: &str = "declaration/not-weakened";
