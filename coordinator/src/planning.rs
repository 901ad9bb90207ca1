//! What is to be done next, from the state: it gathers the inputs of `policy::plan` and shows its answer as rows and facts.
//! The decision is `policy::plan`'s.

use crate::changeset;
use crate::fact::{self, ChangesetFact, Fact, Placed};
use crate::judging::Judged;
use crate::state::{RemedyState, State};
use crate::sweep::Running;
use ligase_domain::{
    Changeset, ChangesetState, Digest, FieldHasher, Finding, FindingId, IntentId, IntentKey, OrganisationId, Ownership,
    RepositoryId, TaskKey,
};
use ligase_policy::plan::{Plan, PlanInput, PlannedService};
use ligase_proto::v1;
use std::collections::{BTreeMap, BTreeSet};

/// All services that were judged, by repository.
pub type AllJudged = BTreeMap<RepositoryId, Vec<Judged>>;

/// The key of an intent's remedy task: it changes with the base, the remedies and everything that is wanted.
pub fn remedy_key(intent: &IntentKey, judged: &Judged, remedy_set: &Digest) -> TaskKey {
    let wanted =
        FieldHasher::new("ligase.remedy-set.v1").field(remedy_set.as_bytes()).field(judged.standing.desired.as_bytes());
    TaskKey::remedy(&intent.id(), &judged.standing.revision, &wanted.finish())
}

/// Makes the plan. `tried` are the intents that this sweep has asked patches for already; `in_progress` those of them that
/// are not answered, or answered and not delivered yet.
pub fn plan(
    state: &State,
    running: &Running,
    judged: &AllJudged,
    remedy_set: &Digest,
    tried: &BTreeSet<IntentId>,
    in_progress: &BTreeSet<IntentId>,
) -> Plan {
    let organisation = OrganisationId(running.declared.organisation.name.clone());
    // Where nothing can be published, nothing is proposed.
    let observed = BTreeMap::new();
    let mut services: Vec<PlannedService<'_>> = Vec::new();
    for (repository, all) in judged {
        let published = running.forges.can_publish(repository);
        services.extend(all.iter().map(|j| PlannedService {
            service: &j.standing.service,
            findings: &j.standing.unsettled,
            modes: if published { &j.modes } else { &observed },
            owner: j.owner.as_deref(),
            base_branch: &j.branch,
        }));
    }
    let stale = stale(state, judged, remedy_set, tried);
    let mut changesets = changesets(state);
    changesets.retain(|c| !stale.contains(&c.intent.id()));
    let mut abstentions = BTreeMap::new();
    for (judged, same) in by_clause(judged) {
        let Some(first) = same.iter().find(|f| f.is_open()) else { continue };
        let intent = intent_of(&organisation, judged, first);
        let id = intent.id();
        let (tried, remedy) = (tried.contains(&id), state.remedies.get(&id));
        if in_progress.contains(&id) || !tried && remedy.is_none() {
            continue;
        }
        let current = remedy.is_some_and(|r| r.key == remedy_key(&intent, judged, remedy_set).digest);
        for finding in same.iter().filter(|f| f.is_open()) {
            let reason = match remedy {
                Some(remedy) => abstained(remedy, finding, current, tried),
                None => Some("remedy-not-answered".to_owned()),
            };
            abstentions.extend(reason.map(|reason| (finding.id, reason)));
        }
    }
    let all = self::changesets(state);
    let created: Vec<_> = all.iter().filter(|c| c.number.is_some()).map(|c| c.opened).collect();
    ligase_policy::plan::plan(&PlanInput {
        organisation: &organisation,
        budgets: &running.declared.organisation.budgets,
        services: &services,
        changesets: &changesets,
        abstentions: &abstentions,
        in_progress,
        created: &created,
        decisions: &BTreeMap::new(),
        now: running.now,
    })
}

/// Why there is no patch for a finding, if its remedy task has ended without one that may be opened.
fn abstained(remedy: &RemedyState, finding: &Finding, current: bool, tried: bool) -> Option<String> {
    if !current {
        return None;
    }
    if let Some(abstained) = remedy.abstained.iter().find(|a| a.finding == finding.id) {
        return Some(abstained.reason.clone());
    }
    if let Some((reason, _)) = &remedy.failure {
        return tried.then(|| format!("remedy-failed-{reason}"));
    }
    let refused =
        || remedy.refused.last().map_or_else(|| "no-patch-made".to_owned(), |r| format!("refused-{}", r.reason));
    match (&remedy.patch, &remedy.verified) {
        // Nobody could look at it: the next sweep asks again.
        (Some(_), Some(Err((reason, _)))) if fact::passes(reason) && !tried => None,
        (Some(_), Some(Err((reason, _)))) => Some(format!("refused-{reason}")),
        (Some((_, _, patched)), _) if patched.contains(&finding.id) => tried.then(|| "forge-refused".to_owned()),
        (Some(_), _) | (None, _) => Some(refused()),
    }
}

/// The changesets that count: what a person has resumed counts no more.
fn changesets(state: &State) -> Vec<Changeset> {
    let mut out = Vec::new();
    for (id, list) in &state.changesets {
        let resumed = state.resumed.get(id).copied().unwrap_or(0);
        let by_person = |c: &Changeset| changeset::blocks(c).is_some_and(|b| b.ends_with("by-person"));
        // What the forge refused to take is planned again: the reason may have gone.
        let refused = |c: &Changeset| matches!(c.state, ChangesetState::Held(_)) && c.number.is_none();
        let counts =
            |(i, f): &(usize, &ChangesetFact)| !refused(&f.changeset) && (*i >= resumed || !by_person(&f.changeset));
        out.extend(list.iter().enumerate().filter(counts).map(|(_, f)| f.changeset.clone()));
    }
    out
}

/// Intents whose open pull request is ours and no longer says what is wanted: something that it closes is waived or mended
/// by other ways, or something has come that it could close. Their patch is made again and the same pull request follows.
/// One that is only behind its base is left alone.
fn stale(state: &State, judged: &AllJudged, remedy_set: &Digest, tried: &BTreeSet<IntentId>) -> BTreeSet<IntentId> {
    let mut out = BTreeSet::new();
    for (id, list) in &state.changesets {
        let Some(fact) = list.last() else { continue };
        let c = &fact.changeset;
        let ours = c.state == ChangesetState::Open && c.ownership == Ownership::Ours;
        let service = judged.get(&c.intent.service.repository).and_then(|all| {
            all.iter().find(|j| j.standing.service == c.intent.service && j.branch == c.intent.base_branch)
        });
        let Some(judged) = service.filter(|_| ours && !tried.contains(id)) else { continue };
        let remedy = state.remedies.get(id).filter(|r| r.key == remedy_key(&c.intent, judged, remedy_set).digest);
        let open = |f: &&Finding| f.clause == c.intent.clause && f.is_open() && f.remedy.is_some();
        let open: BTreeSet<FindingId> = judged.standing.unsettled.iter().filter(open).map(|f| f.id).collect();
        let named: BTreeSet<FindingId> = c.findings.iter().copied().collect();
        let covered = named.intersection(&open).count();
        // A remedy that has answered for this very base and desired state has said all that can be said of the others.
        let come = remedy.is_none() && open.difference(&named).next().is_some();
        if covered > 0 && (covered < named.len() || come) {
            out.insert(*id);
        }
    }
    out
}

/// What is not settled of each service, clause by clause: findings of one clause stand together.
fn by_clause(judged: &AllJudged) -> impl Iterator<Item = (&Judged, &[Finding])> {
    let same = |a: &Finding, b: &Finding| a.clause == b.clause;
    judged.values().flatten().flat_map(move |j| j.standing.unsettled.chunk_by(same).map(move |part| (j, part)))
}

fn intent_of(organisation: &OrganisationId, judged: &Judged, finding: &Finding) -> IntentKey {
    IntentKey {
        organisation: organisation.clone(),
        service: finding.service.clone(),
        base_branch: judged.branch.clone(),
        clause: finding.clause.clone(),
    }
}

/// Where every open finding stands, by repository.
pub fn placed(
    state: &State,
    running: &Running,
    judged: &AllJudged,
    plan: &Plan,
) -> BTreeMap<RepositoryId, Vec<Placed>> {
    let repository: BTreeMap<FindingId, &RepositoryId> = judged
        .iter()
        .flat_map(|(r, all)| all.iter().flat_map(|j| &j.standing.unsettled).map(move |f| (f.id, r)))
        .collect();
    let mut out: BTreeMap<RepositoryId, Vec<Placed>> = judged.keys().map(|r| (r.clone(), Vec::new())).collect();
    let mut put = |finding: FindingId, place: &str, reason: String, detail: String, earliest| {
        let Some(rows) = repository.get(&finding).and_then(|r| out.get_mut(*r)) else { return };
        rows.push(Placed { finding, place: place.to_owned(), reason, detail, earliest });
    };
    for (finding, intent) in &plan.in_changesets {
        let current = state.current(intent).map(|c| c.changeset.state.clone());
        let reason = current.as_ref().map_or("changeset", ChangesetState::name).to_owned();
        put(*finding, "changeset", reason, intent.to_string(), None);
    }
    let organisation = OrganisationId(running.declared.organisation.name.clone());
    let said: BTreeMap<FindingId, &str> =
        state.remedies.values().flat_map(|r| &r.abstained).map(|a| (a.finding, a.detail.as_str())).collect();
    let abstained: BTreeMap<FindingId, &str> =
        plan.abstained.iter().map(|(id, reason)| (*id, reason.as_str())).collect();
    for (judged, same) in by_clause(judged) {
        let mut intent = None;
        for finding in same.iter().filter(|f| f.is_open()) {
            let Some(reason) = abstained.get(&finding.id) else { continue };
            let intent = intent.get_or_insert_with(|| intent_of(&organisation, judged, finding).id());
            let detail = detail(state, intent, reason).or_else(|| said.get(&finding.id).map(|d| (*d).to_owned()));
            put(finding.id, "abstained", (*reason).to_owned(), detail.unwrap_or_default(), None);
        }
    }
    let watched: BTreeSet<&RepositoryId> = judged.keys().filter(|r| !running.forges.can_publish(r)).collect();
    for waiting in &plan.waiting {
        let unseen = || repository.get(&waiting.finding).is_some_and(|r| watched.contains(r));
        let reason = if waiting.reason == "observe-only" && unseen() { "forge-cannot-publish" } else { waiting.reason };
        put(waiting.finding, "waiting", reason.to_owned(), String::new(), waiting.earliest);
    }
    out.values_mut().for_each(|rows| rows.sort_by_key(|r| r.finding));
    out
}

/// What is known about an abstention beside what a remedy has said of the finding itself.
fn detail(state: &State, intent: &IntentId, reason: &str) -> Option<String> {
    let remedy = state.remedies.get(intent);
    let known = if reason.starts_with("remedy-failed-") {
        remedy.and_then(|r| r.failure.as_ref()).map(|(_, detail)| detail.clone())
    } else if reason.strip_prefix("refused-").is_some_and(fact::passes) {
        remedy.and_then(|r| r.verified.as_ref()?.as_ref().err()).map(|(_, detail)| detail.clone())
    } else if reason == "forge-refused" {
        let last = state.changesets.get(intent).and_then(|l| l.last());
        last.and_then(|f| if let ChangesetState::Held(why) = &f.changeset.state { Some(why.clone()) } else { None })
    } else {
        return None;
    };
    Some(known.unwrap_or_default())
}

/// The facts that say what has changed since the last time.
pub fn news(state: &State, rows: &BTreeMap<RepositoryId, Vec<Placed>>) -> Vec<Fact> {
    let changed = |(repository, rows): &(&RepositoryId, &Vec<Placed>)| {
        let known = state.places.get(*repository);
        let known = known.map(|k| k.values().collect::<Vec<_>>()).unwrap_or_default();
        known != rows.iter().collect::<Vec<_>>()
    };
    rows.iter().filter(changed).map(|(r, rows)| Fact::Placed { repository: r.clone(), rows: rows.clone() }).collect()
}

/// The plan as rows: one per service, clause, place and reason.
pub fn rows(judged: &AllJudged, placed: &BTreeMap<RepositoryId, Vec<Placed>>) -> Vec<v1::Planned> {
    let places: BTreeMap<FindingId, &Placed> = placed.values().flatten().map(|p| (p.finding, p)).collect();
    let mut counts: BTreeMap<(String, String, String, String), u64> = BTreeMap::new();
    for judged in judged.values().flatten() {
        for finding in &judged.standing.unsettled {
            let Some(placed) = places.get(&finding.id) else { continue };
            let key =
                (judged.standing.name.clone(), finding.clause.to_string(), placed.place.clone(), placed.reason.clone());
            *counts.entry(key).or_default() += 1;
        }
    }
    let row =
        |((service, clause, decision, reason), findings)| v1::Planned { service, clause, findings, decision, reason };
    counts.into_iter().map(row).collect()
}
