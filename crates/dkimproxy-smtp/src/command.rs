//! Commands: the verb and what the relay must know of the arguments; the octets are kept as they came (RFC 5321 section 4.1).
