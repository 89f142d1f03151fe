//! Sessions from outside: a client and a relay played by the tests, both in memory, the clock stands still.

mod dialogues;
mod failures;
mod promises;
mod relay;
mod script;
mod smuggling;
mod sockets;

mod world;
