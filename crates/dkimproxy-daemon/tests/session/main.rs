//! Sessions from outside: a client and a relay played by the tests, both in memory, the clock stands still.

// Helpers are not test functions to clippy, but they may fail as loudly.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::print_stdout)]

mod dialogues;
mod failures;
mod promises;
mod relay;
mod script;
mod smuggling;
mod sockets;
mod world;
