//! What did the peer say? SMTP as text (RFC 5321 and the extensions a transparent relay carries): commands, replies,
//! mail data, XFORWARD, and the envelope they build up.
//!
//! Pure: no sockets, no clock, no async. Knows nothing of header fields or DKIM.

pub mod command;
pub mod data;
pub mod extension;
#[doc(hidden)]
pub mod fuzz;
pub mod line;
pub mod path;
pub mod reply;
pub mod transaction;
pub mod xforward;
