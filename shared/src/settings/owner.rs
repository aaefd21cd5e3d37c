//! Whose a change is, as its columns say it.

use uuid::Uuid;

/// One tenant, or all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    Tenant(Uuid),
    Everyone,
}

impl Owner {
    /// `tenant_id` and `for_everyone`: of all tenants the first is nil, which a tenant's own id may be too.
    pub(crate) fn columns(self) -> (Uuid, i32) {
        match self {
            Self::Tenant(id) => (id, 0),
            Self::Everyone => (Uuid::nil(), 1),
        }
    }
}

/// None means everyone.
impl From<Option<Uuid>> for Owner {
    fn from(tenant_id: Option<Uuid>) -> Self {
        tenant_id.map_or(Self::Everyone, Self::Tenant)
    }
}
