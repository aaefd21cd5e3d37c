//! Policies: what holds for all verifications of one purpose.
//!
//! The configuration file is the base. On it lie the keys that were changed for everyone, and on those a
//! tenant's own; each change is a version that is kept (docs/decisions/0017-policies.md).
//!
//! | module | what lives there |
//! |---|---|
//! | `body` | the keys of a change, laid over what is below |
//! | `check` | the rules, the same for the file and for changes |
//! | `change` | making a change, going back to an earlier one, or taking all of them back |
//! | `rows` | the table: what counts, and the history |
//! | `show` | what counts for a tenant, and where each key of it comes from |

mod body;
mod change;
mod check;
mod rows;
mod show;

use self::body::merge;
pub use self::{
    body::Body,
    change::{Change, NotChanged, change, restore},
    check::{CODE_LENGTHS, GUESSES, LEAST_DIGITS, LIFETIMES, check, code_lengths},
    rows::{Version, list_versions},
    show::{Layer, Shown, find, list, list_with_own},
};
pub(crate) use self::{check::fit_shipped, rows::list_current};

/// The purpose that the others start from, whose texts are those of all that have none of their own, and that
/// counts where a request names none.
pub const DEFAULT_PURPOSE: &str = "default";
