//! What can be shown to anyone in a minute or two: each show breaks or presses the running
//! product from outside and says, check by check, whether it kept its word.

mod bulk;
mod checks;
pub(crate) mod failover;
pub(crate) mod faults;
pub(crate) mod guesses;
mod invariants;
mod people;

use self::checks::{Check, Checks, print_all};
