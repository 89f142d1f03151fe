//! What the fuzzer calls. No part of the interface.

use crate::config::{DaemonConfig, Problems, Program, RawConfig, parse};
use std::path::Path;

static PROGRAM: Program = Program {
    name: "fuzz",
    ident: "fuzz",
    version: "0",
    about: "",
    description: "",
    conf_file: "",
    sample_ports: (10025, 10026),
    options: &[],
    commands: Vec::new,
    notes: |_| Vec::new(),
    files: &[],
    examples: &[],
};

/// Reads and understands a configuration file. What is not understood must be said.
#[allow(clippy::missing_panics_doc, reason = "a panic is what the fuzzer looks for")]
pub fn configuration(octets: &[u8]) {
    let mut problems = Problems::default();
    let entries = parse(&PROGRAM, Path::new("fuzz"), octets, &mut problems);
    let raw = RawConfig::new(&PROGRAM, Vec::new(), entries);
    let config = DaemonConfig::from_raw(&raw, &mut problems);
    assert!(config.is_some() || !problems.is_empty());
    assert!(problems.to_string().lines().count() == problems.len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_file_is_too_odd(lines in prop::collection::vec("(listen|relay|port|allow|cidr_deny|min_servers|x|)[ =:#\\\\\r]{0,2}[ -~\r\0é]{0,20}", 0..8)) {
            configuration(lines.join("\n").as_bytes());
        }

        #[test]
        fn no_octets_are_too_odd(octets in prop::collection::vec(any::<u8>(), 0..100)) {
            configuration(&octets);
        }
    }
}
