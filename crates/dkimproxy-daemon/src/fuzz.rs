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
