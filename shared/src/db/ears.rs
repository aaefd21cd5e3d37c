//! Whose events are written down at all: for everybody else nothing is, and no statement is made.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
};

use uuid::Uuid;

/// The tenants that listen, as this process knows them; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Ears(Arc<RwLock<Hearing>>);

#[derive(Debug, Default)]
struct Hearing {
    /// The log is kept for all.
    everybody: bool,
    tenants: HashSet<Uuid>,
}

impl Ears {
    /// True when this tenant's events are written down.
    #[must_use]
    pub fn hear(&self, tenant_id: Uuid) -> bool {
        let hearing = self.0.read().unwrap_or_else(PoisonError::into_inner);
        hearing.everybody || hearing.tenants.contains(&tenant_id)
    }

    /// Replaces what was known.
    pub(crate) fn set(&self, everybody: bool, tenants: &HashSet<Uuid>) {
        let mut hearing = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *hearing = Hearing { everybody, tenants: tenants.clone() };
    }
}
