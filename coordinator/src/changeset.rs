//! The life of a pull request as a pure state machine over data: what is known in, next state and actions out.
//!
//! It reads no forge, no store and no clock. The rules are those of the transition table that the design page on
//! changesets cites: the default branch is the truth, a person wins, nothing that a person closed is opened again.
//! The thin shell that acts on it is `deliver.rs`.

use ligase_domain::{Changeset, ChangesetState, ClosedBy, Oid, Ownership};

/// What the forge says of the pull request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pull {
    /// Nothing is known of it: not published yet, or the forge has lost it.
    Unknown,
    /// It stands open with this head.
    Open {
        /// The branch's head now.
        head: Oid,
    },
    /// It was merged at this commit.
    Merged {
        /// The merge commit.
        commit: Oid,
    },
    /// A person closed it.
    ClosedByPerson {
        /// The person's login.
        login: String,
    },
    /// Ligase closed it.
    ClosedByLigase,
}

/// What the last probe of the default branch says of the changeset's findings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clause {
    /// Not looked at since; nothing may be concluded.
    Unprobed,
    /// Indeterminate for at least one of them: nothing may be concluded.
    Unclear,
    /// Every one holds, is waived, or its subject is gone.
    Holds,
    /// At least one does not hold.
    Broken,
}

/// Everything that decides the next state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// What the forge says.
    pub pull: Pull,
    /// What the default branch says.
    pub clause: Clause,
    /// Whether the probed revision contains the merge (only read when there is one).
    pub probed_contains_merge: bool,
}

/// What the shell is to do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Say once on the pull request that its content is the person's from now on.
    CommentHumanOwns,
    /// Close the pull request, saying that the clause holds on the default branch.
    CloseAsSatisfied,
    /// Tell the owner that what was merged has been undone.
    TellRegressed,
}

/// The next state and what is to be done about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The changeset as it is from now on.
    pub next: Changeset,
    /// What the shell is to do, in order.
    pub actions: Vec<Action>,
}

/// Decides the next state. Total: every combination of state and facts has an answer, and deciding twice on the same
/// facts changes nothing the second time.
pub fn step(changeset: &Changeset, facts: &Facts) -> Step {
    let mut next = changeset.clone();
    let mut actions = Vec::new();
    next.state = match &changeset.state {
        // Terminal: a merge that was verified and broken again stays a person's decision until the person revokes it.
        ChangesetState::RegressedByPerson => match facts.clause {
            Clause::Holds => ChangesetState::SatisfiedElsewhere,
            Clause::Unprobed | Clause::Unclear | Clause::Broken => ChangesetState::RegressedByPerson,
        },
        ChangesetState::Closed(by) => closed(by, facts),
        ChangesetState::SatisfiedElsewhere => ChangesetState::SatisfiedElsewhere,
        ChangesetState::Merged(commit) => merged(*commit, facts, &mut actions),
        ChangesetState::MergedVerified(commit) => match facts.clause {
            Clause::Broken => {
                actions.push(Action::TellRegressed);
                ChangesetState::RegressedByPerson
            }
            Clause::Holds | Clause::Unprobed | Clause::Unclear => ChangesetState::MergedVerified(*commit),
        },
        state @ (ChangesetState::Open | ChangesetState::Held(_)) => {
            published(state, &mut next.ownership, changeset, facts, &mut actions)
        }
    };
    Step { next, actions }
}

/// A close is a decision; it counts as satisfied once the clause holds, and never as violated.
fn closed(by: &ClosedBy, facts: &Facts) -> ChangesetState {
    match (facts.clause, &facts.pull) {
        (Clause::Holds, _) => ChangesetState::SatisfiedElsewhere,
        // A person opened it again: the forge is believed, and the ordinary rules hold from now on.
        (_, Pull::Open { .. }) => ChangesetState::Open,
        (_, Pull::Merged { commit }) => ChangesetState::Merged(*commit),
        _ => ChangesetState::Closed(by.clone()),
    }
}

/// Merged is not satisfied until a revision that contains the merge was probed.
fn merged(commit: Oid, facts: &Facts, actions: &mut Vec<Action>) -> ChangesetState {
    match (facts.clause, facts.probed_contains_merge) {
        (Clause::Holds, true) => ChangesetState::MergedVerified(commit),
        // The merge is in, and what it brought is not: somebody undid it before we looked.
        (Clause::Broken, true) => {
            actions.push(Action::TellRegressed);
            ChangesetState::RegressedByPerson
        }
        _ => ChangesetState::Merged(commit),
    }
}

fn published(
    state: &ChangesetState,
    ownership: &mut Ownership,
    changeset: &Changeset,
    facts: &Facts,
    actions: &mut Vec<Action>,
) -> ChangesetState {
    match &facts.pull {
        Pull::Merged { commit } => merged(*commit, facts, actions),
        Pull::ClosedByPerson { login } => match facts.clause {
            Clause::Holds => ChangesetState::SatisfiedElsewhere,
            _ => ChangesetState::Closed(ClosedBy::Person(login.clone())),
        },
        Pull::ClosedByLigase => ChangesetState::Closed(ClosedBy::Ligase("closed by Ligase".to_owned())),
        Pull::Open { head } => {
            let touched = changeset.pushed_head.is_some_and(|pushed| pushed != *head);
            if touched && *ownership == Ownership::Ours {
                *ownership = Ownership::HumanTouched;
                actions.push(Action::CommentHumanOwns);
            }
            // What a person works on is theirs to close.
            if facts.clause == Clause::Holds && *ownership == Ownership::Ours {
                actions.push(Action::CloseAsSatisfied);
                return ChangesetState::SatisfiedElsewhere;
            }
            ChangesetState::Open
        }
        // Never published: the clause may have come to hold without us.
        Pull::Unknown => match (state, facts.clause) {
            (ChangesetState::Held(_), Clause::Holds) => ChangesetState::SatisfiedElsewhere,
            _ => state.clone(),
        },
    }
}

/// Whether a changeset in this state keeps its intent from getting another pull request for the same findings, and why.
pub fn blocks(changeset: &Changeset) -> Option<&'static str> {
    match &changeset.state {
        ChangesetState::Open => Some("pull-request-open"),
        ChangesetState::Held(_) => Some("patch-held"),
        ChangesetState::Merged(_) => Some("merged-not-probed-yet"),
        ChangesetState::Closed(ClosedBy::Person(_)) => Some("closed-by-person"),
        ChangesetState::RegressedByPerson => Some("regressed-by-person"),
        ChangesetState::Closed(ClosedBy::Ligase(_))
        | ChangesetState::MergedVerified(_)
        | ChangesetState::SatisfiedElsewhere => None,
    }
}

#[cfg(test)]
mod tests;
