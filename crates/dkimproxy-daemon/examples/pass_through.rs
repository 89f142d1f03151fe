//! The smallest content filter: every message passes as it came.
//!
//! ```text
//! pass_through --listen=127.0.0.1:10025 --relay=127.0.0.1:10026
//! ```

use dkimproxy_daemon::{
    config::{OptionDef, Problems, Program, RawConfig, Section},
    filter::{Client, Decision, Edits, Filter, MessageFilter, Transaction, Verdict},
    start,
};
use std::{process::ExitCode, sync::Arc};

static PROGRAM: Program = Program {
    name: "pass_through",
    ident: "pass.through",
    version: env!("CARGO_PKG_VERSION"),
    about: "Passes mail on as it came",
    description: "An example.",
    conf_file: "/etc/pass_through.conf",
    sample_ports: (10025, 10026),
    options: &[Section {
        title: "Messages",
        options: &[OptionDef::new("summary", "TEXT", "What to log about each message").default("passed")],
    }],
    commands: Vec::new,
    notes: |_| Vec::new(),
    files: &[],
    examples: &[],
};

struct PassThrough {
    summary: String,
}

impl Filter for PassThrough {
    type Message = Message;

    fn begin(self: &Arc<Self>, _: &Client, _: &Transaction) -> Message {
        Message { filter: Arc::clone(self) }
    }
}

struct Message {
    filter: Arc<PassThrough>,
}

impl MessageFilter for Message {
    fn chunk(&mut self, _: &[u8]) {}

    async fn finish(self) -> Decision {
        Decision {
            verdict: Verdict::Relay(Edits::default()),
            summary: self.filter.summary.clone(),
            fields: Vec::new(),
            warn: false,
        }
    }
}

fn load(raw: &RawConfig, _: &mut Problems) -> Option<PassThrough> {
    Some(PassThrough { summary: raw.text("summary")?.to_owned() })
}

fn main() -> ExitCode {
    start::main(&PROGRAM, load, |_, _, _| ExitCode::from(2))
}
