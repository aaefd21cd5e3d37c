//! What the system knows: its concepts, each with its types, rules and SQL in one module.
//!
//! | module | what lives there |
//! |---|---|
//! | [`verification`] | one proof that an address is held |
//! | [`verify_service`] | what Twilio Verify calls a Service: verifications by number, limits with names |
//! | [`message`], [`attempt`] | one text to one recipient; one try of one provider with it |
//! | [`report`], [`inbound`] | what a provider says of an attempt later; what people write back |
//! | [`message::batch`] | one text to many recipients: slice by slice, repeatable |
//! | [`admission`] | what stands before every accept: country, limits, the first answer to a key |
//! | `acceptance`, `coalesce` | its commit; how concurrent calls leave as one statement |
//! | [`listing`] | some rows of a list, and where the next ones begin |
//! | [`page_link`] | what a link to the hosted page holds, and that it counts once |
//! | [`idempotency`], [`limits`], [`guess_budget`] | repeats, limits, budgets |
//! | [`strangers`] | what whoever has no API key may get wrong |
//! | [`rate`] | how often all processes together call a provider |
//! | [`price`], [`spend`] | what an attempt costs; what all of them did, by day |
//! | [`tenant`], [`api_key`], [`recipient`], [`channel`] | who sends, with what credential, to whom, which way |
//! | [`sandbox`] | tenants for tests, and their inboxes |
//! | [`policy`], [`settings`] | what holds for a purpose; what of it can be changed while all runs |
//! | [`mistake`] | what is wrong with what somebody writes down for them |
//! | [`event`], [`webhook`] | what happened, for those who listen; where it is posted to |
//! | [`queue`], [`lanes`], [`process`] | hints, how busy the lanes are, who lives |
//! | [`retention`] | what is kept for how long |
//! | [`suppression`] | who is not to be sent to |
//! | [`provider_state`], [`drill`] | which providers are left alone for now; or taken away on purpose |
//! | [`provider_region`] | which countries a provider refuses |
//! | [`texts`] | what people read and hear: in which language, whose words, in which version |
//! | [`template`], [`segments`], [`speech`] | placeholders, how many SMS a text is, how a code is spelled |
//! | [`secrets`] | codes and seals |
//! | [`clock`], [`outcome`] | time, error classes |
//! | [`json_pointer`] | a place in what others send |
//! | [`config`], [`db`], [`redis_link`], [`inbox`], [`home`] | what a process is made of |

mod acceptance;
pub mod admission;
pub mod api_key;
pub mod attempt;
pub mod channel;
pub mod clock;
mod coalesce;
pub mod config;
pub mod db;
pub mod drill;
pub mod event;
pub mod guess_budget;
pub mod home;
pub mod idempotency;
pub mod inbound;
pub mod inbox;
pub mod json_pointer;
pub mod lanes;
pub mod limits;
pub mod listing;
pub mod message;
pub mod mistake;
pub mod outcome;
pub mod page_link;
pub mod policy;
pub mod price;
pub mod process;
pub mod provider_region;
pub mod provider_state;
pub mod queue;
pub mod rate;
pub mod recipient;
pub mod redis_link;
pub mod report;
pub mod retention;
pub mod sandbox;
pub mod secrets;
pub mod segments;
pub mod send_budget;
pub mod settings;
pub mod speech;
pub mod spend;
pub mod strangers;
pub mod suppression;
pub mod template;
pub mod tenant;
pub mod texts;
pub mod verification;
pub mod verify_service;
pub mod webhook;

pub use home::Home;
