//! Which keys sign this message? The program `dkimproxy-out`, as a library, so that tests, benchmarks and fuzzing reach
//! all of it.
//!
//! ```text
//! config   what was written becomes rules, keys and policy
//! author   whose message it is: From, Sender
//! keyring  rules and keys: from the author to the signatures
//! signing  all signatures of one message
//! filter   one message on its way
//! cli      the tools: sign, genkey
//! report   problems and warnings, gathered
//! ```

pub mod author;
pub mod cli;
pub mod config;
pub mod filter;
pub mod keyring;
pub mod report;
pub mod signing;

#[cfg(test)]
mod test_keys;

use std::process::ExitCode;

/// The whole program.
pub fn main() -> ExitCode {
    dkimproxy_daemon::start::main(&config::PROGRAM, config::load, cli::run)
}
