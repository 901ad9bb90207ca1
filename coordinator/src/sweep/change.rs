//! What a sweep changes: plans, remedy and verification tasks, deliveries, and where every other finding stands.
//!
//! Whoever made a patch does not look at it again: a remedy's end is the beginning of a verification by somebody else.
//! Decides nothing itself: `planning.rs` plans within the budgets, `deliver.rs` opens.

use super::{Pass, SweepError, blocking};
use crate::deliver;
use crate::desk::Planned;
use crate::judging;
use crate::planning;
use ligase_domain::{Digest, IntentKey, Oid, RepositoryId, TaskKey};
use ligase_policy::plan::{Plan, PlannedIntent};
use ligase_proto::convert::{digest_bytes, location_message, service_message};
use ligase_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Plans that are made while repositories are still looked at, in a large sweep.
const EARLY_PLANS: usize = 20;
/// Repositories between two of them at least: a small organisation is planned once, with everything known.
const EARLY_REPOSITORIES_MIN: usize = 15;

impl Pass {
    /// Asks for patches before every repository was looked at, so that a large fleet is not mended only after its slowest
    /// repository. The budgets are the same: what is asked for early counts as in progress.
    pub(super) async fn change_early(&mut self) -> Result<(), SweepError> {
        let (judged, all) = (self.judged.len(), self.listed.len());
        if self.plan_only || judged - self.planned_at < (all / EARLY_PLANS).max(EARLY_REPOSITORIES_MIN) {
            return Ok(());
        }
        self.planned_at = judged;
        let plan = self.plan().await?;
        self.change(&plan).await?;
        self.early.extend(plan.intents);
        Ok(())
    }

    /// The plan, of what is judged now and not asked for yet.
    pub(super) async fn plan(&self) -> Result<Plan, SweepError> {
        let (app, running, judged, tried) =
            (Arc::clone(&self.app), Arc::clone(&self.running), Arc::clone(&self.judged), self.tried.clone());
        let mut in_progress = app.desk.intents();
        in_progress.extend(self.early.iter().map(|intent| intent.key.id()));
        blocking(move || {
            let remedies = &app.config.remedy_set;
            Ok(app.ledger.read(|s| planning::plan(s, &running, &judged, remedies, &tried, &in_progress)))
        })
        .await
    }

    /// What the repositories of a plan were judged by, as objects that agent-runners fetch.
    async fn contexts(&self, plan: &Plan) -> Result<BTreeMap<RepositoryId, Digest>, SweepError> {
        let wanted: BTreeSet<RepositoryId> = plan.intents.iter().map(|i| i.key.service.repository.clone()).collect();
        let (app, running, judged) = (Arc::clone(&self.app), Arc::clone(&self.running), Arc::clone(&self.judged));
        blocking(move || {
            let first = |id: RepositoryId| judged.get(&id)?.first().map(|j| (id, Arc::clone(&j.facts)));
            let kept = |(id, facts): (RepositoryId, Arc<judging::Beside>)| {
                Ok((id, judging::keep_context(&app, &running, &facts)?))
            };
            wanted.into_iter().filter_map(first).map(kept).collect()
        })
        .await
    }

    /// Publishes a remedy task for each planned intent.
    pub(super) async fn change(&mut self, plan: &Plan) -> Result<(), SweepError> {
        self.teller.tell("changing", 0, plan.intents.len(), String::new()).await;
        let mut tasks = Vec::with_capacity(plan.intents.len());
        let contexts = self.contexts(plan).await?;
        for intent in &plan.intents {
            let id = intent.key.id();
            self.tried.insert(id);
            let repository = &intent.key.service.repository;
            let judged = self
                .judged
                .get(repository)
                .and_then(|all| all.iter().find(|j| j.standing.service == intent.key.service));
            let (Some(judged), Some(context), Some(location)) =
                (judged, contexts.get(repository), self.running.forges.location(repository))
            else {
                continue;
            };
            let key = planning::remedy_key(&intent.key, judged, &self.app.config.remedy_set);
            let base = judged.standing.revision;
            let work = v1::task::Work::Remedy(v1::RemedyTask {
                service: Some(service_message(&intent.key.service)),
                location: Some(location_message(&location)),
                intent: digest_bytes(&id.0),
                clause: intent.key.clause.to_string(),
                base_revision: base.as_bytes().to_vec(),
                ref_hint: format!("refs/heads/{}", intent.key.base_branch),
                findings: intent.findings.iter().map(|f| digest_bytes(&f.0)).collect(),
                declarations: digest_bytes(context),
                catalog: Vec::new(),
                probe_set: digest_bytes(&self.app.config.probe_set),
            });
            if self.app.ledger.read(|s| s.terminal.contains(&key.digest)) {
                // Made and not delivered: the sweep that made it died before it came to that.
                self.remedied(&intent.key, base, "an earlier sweep").await?;
                continue;
            }
            let planned = Planned::Remedy { intent: intent.key.clone(), base, findings: intent.findings.clone() };
            let task = self.task(&key, "cascade", repository, work);
            self.app.desk.plan(key.digest, planned, task.clone());
            tasks.push(task);
        }
        self.publish(tasks).await;
        Ok(())
    }

    /// A remedy task has ended: if it made a patch, somebody else looks at base plus patch.
    pub(super) async fn remedied(&mut self, intent: &IntentKey, base: Oid, maker: &str) -> Result<(), SweepError> {
        let id = intent.id();
        let made =
            self.app.ledger.read(|s| s.remedies.get(&id).filter(|r| r.base == base).and_then(|r| r.patch.clone()));
        let Some((patch, _, _)) = made else { return Ok(()) };
        let Some(location) = self.running.forges.location(&intent.service.repository) else { return Ok(()) };
        let key = TaskKey::verification(&id, &base, &patch, &self.app.config.probe_set);
        if self.app.ledger.read(|s| s.terminal.contains(&key.digest)) {
            return Ok(());
        }
        let work = v1::task::Work::Verification(v1::VerificationTask {
            service: Some(service_message(&intent.service)),
            location: Some(location_message(&location)),
            intent: digest_bytes(&id.0),
            base_revision: base.as_bytes().to_vec(),
            ref_hint: format!("refs/heads/{}", intent.base_branch),
            patch: digest_bytes(&patch),
            probe_set: digest_bytes(&self.app.config.probe_set),
            catalog: Vec::new(),
            made_by: maker.to_owned(),
        });
        self.teller.tell("changing", 0, self.tried.len(), intent.clause.to_string()).await;
        let task = self.task(&key, "cascade", &intent.service.repository, work);
        self.app.desk.plan(key.digest, Planned::Verification { intent: intent.clone(), base, patch }, task.clone());
        self.publish(vec![task]).await;
        Ok(())
    }

    /// Opens what was made, passed its gate and was looked at by somebody else.
    pub(super) async fn deliver(&mut self, intents: Vec<PlannedIntent>) -> Result<(), SweepError> {
        if intents.is_empty() {
            return Ok(());
        }
        self.teller.tell("delivering", 0, intents.len(), String::new()).await;
        let (app, running, judged) = (Arc::clone(&self.app), Arc::clone(&self.running), Arc::clone(&self.judged));
        self.summary.opened += blocking(move || {
            let _span = tracing::info_span!("deliver", intents = intents.len()).entered();
            deliver::open(&app, &running, &judged, &intents)
        })
        .await?;
        Ok(())
    }

    /// Writes down where every open finding stands.
    pub(super) async fn place(&mut self, plan: &Plan) -> Result<(), SweepError> {
        let (app, running, judged, plan) =
            (Arc::clone(&self.app), Arc::clone(&self.running), Arc::clone(&self.judged), plan.clone());
        self.summary.plan = blocking(move || {
            let rows = app.ledger.read(|s| planning::placed(s, &running, &judged, &plan));
            let facts = app.ledger.read(|s| planning::news(s, &rows));
            app.ledger.record(facts)?;
            Ok(planning::rows(&judged, &rows))
        })
        .await?;
        Ok(())
    }
}
