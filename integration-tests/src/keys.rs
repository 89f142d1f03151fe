//! Keys for signing, made by the program under test.

use crate::programs;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A private key in a file, and its record.
#[derive(Debug, Clone)]
pub struct Key {
    /// The private key, PEM.
    pub path: PathBuf,
    /// Name of the record: `SELECTOR._domainkey.DOMAIN`.
    pub name: String,
    /// Text of the record: `v=DKIM1; ...`.
    pub record: String,
    /// RFC 6376 algorithm: `rsa-sha256` or `ed25519-sha256`.
    pub algorithm: &'static str,
}

impl Key {
    /// Makes a key with `dkimproxy-out genkey`, as `SELECTOR.private` in `folder`. `kind` is `rsa` or `ed25519`.
    pub fn generate(folder: &Path, domain: &str, selector: &str, kind: &str) -> Self {
        let path = folder.join(format!("{selector}.private"));
        let mut command = Command::new(programs::ours("dkimproxy-out"));
        command.args(["genkey", "--domain", domain, "--selector", selector, "--type", kind, "--out-file"]).arg(&path);
        let printed = programs::output_of(&mut command, b"");
        Self {
            path,
            name: format!("{selector}._domainkey.{domain}"),
            record: record_in(&printed),
            algorithm: if kind == "ed25519" { "ed25519-sha256" } else { "rsa-sha256" },
        }
    }
}

/// The record's text in what genkey printed, which is a line of a zone file: the quoted strings, joined.
pub fn record_in(printed: &str) -> String {
    let record: String = printed.split('"').skip(1).step_by(2).collect();
    assert!(record.contains("p="), "no key record in {printed:?}");
    record
}
