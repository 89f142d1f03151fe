//! What do we say about this message? Verifies incoming mail as an SMTP content filter.

mod cli;
mod config;
mod envelope;
mod examine;
mod filter;
mod policy;
mod report;
mod resolver;

use config::Config;
use dkimproxy_daemon::{
    config::{Example, Problems, Program, RawConfig},
    start,
};
use filter::VerifyFilter;
use std::process::ExitCode;

static PROGRAM: Program = Program {
    name: "dkimproxy-in",
    ident: "dkimproxy.in",
    version: env!("CARGO_PKG_VERSION"),
    about: "verifies incoming mail as an SMTP content filter: DKIM, SPF, DMARC, ARC",
    description: "dkimproxy-in stands between a mail server and the rest of its processing (Postfix: \
        smtpd_proxy_filter). It verifies the DKIM signatures of each message, asks by SPF whether the client may send for the envelope \
        sender and by DMARC whether the domain in From stands behind it all, verifies the ARC chain, puts the results on \
        top as Authentication-Results (RFC 8601), and passes the message on. Fields that pretend to come from here are \
        removed.\n\n\
        A message is passed on whatever the results are, unless options of the section Actions say otherwise. For SPF, \
        Postfix must tell who the client is: smtpd_proxy_filter does so with XFORWARD by itself, smtp(8) with \
        smtp_send_xforward_command.\n\n\
        A second field, X-DKIM-Authentication-Results, has one word for the whole message: pass if any signature \
        passes, else the result of the topmost one with its reason in parentheses, none without signature. The words \
        are those of RFC 8601: fail, policy, neutral, temperror, permerror.",
    conf_file: "/etc/dkimproxy/dkimproxy_in.conf",
    sample_ports: (10025, 10026),
    options: config::OPTIONS,
    commands: cli::commands,
    notes: config::notes,
    files: &[("/etc/resolv.conf", "name servers, unless the option resolver names some")],
    examples: &[
        Example {
            about: "Run as Postfix's smtpd_proxy_filter:",
            command: "dkimproxy-in --conf_file=/etc/dkimproxy/dkimproxy_in.conf",
        },
        Example {
            about: "Say what there is to say about a message in a file:",
            command: "dkimproxy-in verify message.eml",
        },
    ],
};

fn main() -> ExitCode {
    start::main(&PROGRAM, load, cli::run)
}

/// Makes the filter from the configuration, at start and at each reload.
fn load(raw: &RawConfig, problems: &mut Problems) -> Option<VerifyFilter> {
    let config = Config::from_raw(raw, problems)?;
    let authenticator = config.ask_network().map_err(|message| problems.key(raw, "resolver", message)).ok()?;
    Some(VerifyFilter::new(config, authenticator))
}
