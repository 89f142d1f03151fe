//! Who sent it? Asks DNS through one trait, and writes the answer as RFC 8601 `Authentication-Results`.
//!
//! Touches no socket, no file and no SMTP: [`dns::Resolver`] is the only way out.
//!
//! [`authenticate`] does all checks of one message: it asks every question at once, and tells when the answers and the
//! body are there. [`spf`], [`dmarc`], [`iprev`] and [`keys`] are the checks, [`results`] is how they are written down.
//! [`author_policy`] is what some still want of the time before DMARC.

pub mod authenticate;
pub mod author_policy;
pub mod dmarc;
pub mod dns;
#[doc(hidden)]
pub mod fuzz;
pub mod iprev;
pub mod keys;
pub mod results;
pub mod spf;
