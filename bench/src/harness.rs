//! Private servers and the real product, in a temporary folder, on free ports. Everything that
//! is started here is stopped here, by process id, also on ctrl-c and on a panic.
//!
//! * [`tools`]: finding programs, and what to install when one is missing
//! * [`child`]: one process, its log and its signals
//! * [`postgres`], [`redis`]: the private servers
//! * [`otpost`]: the product's binary
//! * [`home`]: all of it together
//! * [`usage`]: processor time and memory, from `/proc`

mod child;
mod home;
mod otpost;
mod postgres;
mod redis;
mod tools;
mod usage;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

pub(crate) use self::{
    child::Child,
    home::{Home, Plan, Store},
    otpost::Otpost,
    postgres::Postgres,
    redis::Redis,
    tools::find,
    usage::{Busy, Usage},
};
use crate::error::Result;

/// An address nobody listens on at this moment.
pub(crate) fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}
