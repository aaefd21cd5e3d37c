//! Endpoints that answer as those of other software do, with paths, fields and errors of their own.
//!
//! | module | whose answers |
//! |---|---|
//! | [`django`] | django-phone-verify's |
//! | [`twilio`] | Twilio Verify's |

pub(crate) mod django;
pub(crate) mod twilio;
