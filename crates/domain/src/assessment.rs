//! All findings of one service at one revision under one desired state.

use crate::{Digest, Finding, Oid, Population, ServiceId, Timestamp};
use std::collections::BTreeMap;

/// All findings of one service at one revision under one desired state. No clock and no worker is part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assessment {
    /// The service.
    pub service: ServiceId,
    /// The name in its declaration; a label.
    pub name: String,
    /// Whether a `dna.yaml` declares it; without one it is judged by the floor and shown as undeclared.
    pub declared: bool,
    /// The revision that was looked at.
    pub revision: Oid,
    /// Digest of everything that was wanted: requirements with parameters, waivers and approvals in force, catalog.
    pub desired: Digest,
    /// Digest of the bytes of the governing `dna.yaml`, if there is one.
    pub dna: Option<Digest>,
    /// Digest of each framework that took part, by id, with its as-of date as `id@date`.
    pub frameworks: BTreeMap<String, Digest>,
    /// Digest of the probe set that looked.
    pub probe_set: Digest,
    /// Sorted by (clause, subject, id).
    pub findings: Vec<Finding>,
    /// What was to be looked at in the service's scope.
    pub population: Population,
    /// The next instant at which the same inputs would be judged otherwise (a waiver's expiry), if any.
    pub valid_until: Option<Timestamp>,
}
