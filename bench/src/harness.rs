//! Private servers and the real product, in a temporary folder, on free ports. Everything that
//! is started here is stopped here, by process id, also on ctrl-c and on a panic.
//!
//! * [`tools`]: finding programs, and what to install when one is missing
//! * [`child`]: one process, its log and its signals
//! * [`postgres`], [`redis`]: the private servers
//! * [`otpost`], [`process`]: the product's binary, and one process of it
//! * [`home`]: all of it together
//! * [`wiring`], [`disk`]: what faults need: proxies, settings, small disks, wrong clocks
//! * [`usage`]: processor time and memory, from `/proc`

mod child;
mod disk;
mod home;
mod otpost;
mod postgres;
mod process;
mod redis;
mod tools;
mod usage;
mod wiring;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::atomic::{AtomicU32, Ordering},
};

pub(crate) use self::{
    child::Child,
    disk::SmallDisk,
    home::{Home, Plan, Store},
    otpost::Otpost,
    postgres::Postgres,
    process::Process,
    redis::Redis,
    tools::find,
    usage::{Busy, Usage},
    wiring::{Lines, Roster, Skew, Wiring},
};
use crate::error::Result;

/// An address nobody listens on at this moment. Below the ports that the kernel gives out by
/// itself, so that no connection takes it before its server does; each program begins elsewhere.
pub(crate) fn free_address() -> Result<SocketAddr> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const LOWEST: u32 = 12_000;
    const PORTS: u32 = 20_000;
    let first = std::process::id().wrapping_mul(7_919);
    for _ in 0..PORTS {
        let nth = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(LOWEST + nth % PORTS)?;
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            return Ok(listener.local_addr()?);
        }
    }
    Err("every port from 12000 to 31999 is busy".into())
}
