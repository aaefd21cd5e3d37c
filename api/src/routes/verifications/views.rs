//! How many watch at the same time: each costs three questions a second.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use uuid::Uuid;

use crate::error::{ApiError, ErrorCode};

/// That one process serves.
const MOST: usize = 200;
/// Of one tenant, so that none keeps all others out.
const MOST_PER_TENANT: usize = 50;
/// Then one may have ended.
const AGAIN_MS: i64 = 5_000;

/// How many each tenant has, of those that have any.
#[derive(Debug, Default)]
pub(super) struct Views {
    of: Mutex<HashMap<Uuid, usize>>,
}

/// One that is taken, until dropped.
#[derive(Debug)]
pub(super) struct View {
    of: &'static Views,
    tenant_id: Uuid,
}

impl Views {
    pub(super) fn take(&'static self, tenant_id: Uuid) -> Result<View, ApiError> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let own = of.get(&tenant_id).copied().unwrap_or_default();
        if own >= MOST_PER_TENANT {
            let said = format!("you watch {MOST_PER_TENANT} here already, as many as a tenant may");
            return Err(busy(said, "tenant"));
        }
        if of.values().sum::<usize>() >= MOST {
            let said = format!("{MOST} are watched here already, as many as a process serves");
            return Err(busy(said, "process"));
        }
        of.insert(tenant_id, own + 1);
        Ok(View { of: self, tenant_id })
    }
}

fn busy(said: String, limit: &str) -> ApiError {
    ErrorCode::WatchesBusy.detail(said).with("limit", limit).retry_after_ms(AGAIN_MS)
}

impl Drop for View {
    fn drop(&mut self) {
        let mut of = self.of.of.lock().unwrap_or_else(PoisonError::into_inner);
        let left = of.get(&self.tenant_id).map_or(0, |own| own - 1);
        if left == 0 {
            of.remove(&self.tenant_id);
        } else {
            of.insert(self.tenant_id, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_tenant_keeps_all_others_out() {
        let views: &'static Views = Box::leak(Box::default());
        let said =
            |taken: Result<View, ApiError>| taken.expect_err("none is left").said().to_owned();
        let mut held = Vec::new();
        for tenant in 0..4 {
            for _ in 0..MOST_PER_TENANT {
                held.push(views.take(Uuid::from_u128(tenant)).expect("its share"));
            }
            assert!(said(views.take(Uuid::from_u128(tenant))).contains("a tenant may"));
        }
        assert!(said(views.take(Uuid::from_u128(4))).contains("a process serves"));
        held.pop();
        let last = views.take(Uuid::from_u128(4)).expect("the one that was let go");
        held.clear();
        drop(last);
        assert!(views.of.lock().expect("no panic").is_empty());
    }
}
