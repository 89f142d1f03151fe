//! A short run of the soak tool: nothing is lost, changed or made up while everything around the daemons fails.

use integration_tests::programs;
use std::process::Command;

#[test]
fn nothing_is_lost_whatever_breaks() {
    // Built here if need be, so that it is not part of the run.
    let folder = programs::ours("dkimproxy-out");
    let mut soak = Command::new(env!("CARGO_BIN_EXE_soak"));
    soak.env("DKIMPROXY_BIN_DIR", folder.parent().expect("a program lies in a folder"));
    soak.args(["--seconds", "20", "--messages", "4000"]);
    let printed = programs::output_of(&mut soak, b"");
    print!("{printed}");
    assert!(printed.contains("nothing lost, nothing changed, nothing twice"), "{printed}");
}
