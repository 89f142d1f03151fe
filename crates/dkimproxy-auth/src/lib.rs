//! Who sent it? Asks DNS through one trait, and writes the answer as RFC 8601 `Authentication-Results`.
//!
//! Touches no socket, no file and no SMTP: [`dns::Resolver`] is the only way out.

pub mod dns;
#[doc(hidden)]
pub mod fuzz;
pub mod keys;
pub mod results;
