//! Which keys sign this message? Signs outgoing mail as an SMTP content filter; see the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    dkimproxy_out::main()
}
