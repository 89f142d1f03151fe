//! What did the peer say? SMTP as text (RFC 5321 and the extensions a transparent relay carries): commands, replies,
//! mail data, XFORWARD, and the envelope they build up.
//!
//! | room          | what it reads or writes                                        |
//! |---------------|----------------------------------------------------------------|
//! | `line`        | CRLF lines out of arbitrary chunks, with a limit               |
//! | `command`     | a line -> verb and argument; MAIL and RCPT: path, parameters   |
//! | `path`        | reverse-path, forward-path -> local part, domain               |
//! | `reply`       | lines -> the relay's replies; and the words of our own         |
//! | `extension`   | the relay's EHLO reply -> what we offer                        |
//! | `xforward`    | attributes of the original client                              |
//! | `data`        | mail data <-> message                                          |
//! | `transaction` | (command, reply) pairs -> the envelope                         |
//!
//! Two rules hold everywhere. What is passed on is passed on octet for octet: a parser here takes a copy of what it
//! needs to know, nothing is written anew from what was parsed, except XFORWARD and the EHLO reply. And input in any
//! chunks gives the same output, in memory that the limits bound and in time that grows with its length only.
//!
//! Deliberately absent: BDAT, AUTH, STARTTLS (never offered), LMTP (one reply for each recipient).
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
