//! `dkimproxy-out sign [FILE]`: does to one message what the daemon would do.

use crate::{
    config::{self, PROGRAM},
    filter::SigningFilter,
};
use anyhow::Context;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use dkimproxy_daemon::{
    config::{Entry, Origin, Problems, RawConfig},
    filter::{Decision, Filter, MessageFilter, Verdict},
};
use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

/// Exit code where the message was not signed, though nothing went wrong with the tool.
const NOT_SIGNED: u8 = 1;

/// How the tool is called.
pub(super) fn command() -> Command {
    Command::new("sign")
        .about("Sign one message and print it")
        .long_about(
            "Reads a message from FILE (or standard input) and prints it with its signatures before it, exactly as \
             the daemon with this configuration would pass it on. Without a configuration file, --keyfile and \
             --selector are enough: the signing domain is then the author's, or that of --domain.\n\n\
             Lines that end in LF alone are signed as the CRLF they become in SMTP; what is printed has the line \
             ends that came in.\n\n\
             Exit code: 0 signed; 1 not signed (standard error says why; the message is printed as it came); 2 mistake.",
        )
        .arg(
            Arg::new("header-only")
                .long("header-only")
                .action(ArgAction::SetTrue)
                .help("Print the signature fields only, not the message"),
        )
        .arg(Arg::new("key").long("key").value_name("FILE").help("The same as --keyfile"))
        .arg(Arg::new("algorithm").long("algorithm").value_name("NAME").help("rsa-sha256 or ed25519-sha256"))
        .arg(Arg::new("FILE").value_parser(value_parser!(PathBuf)).help("The message; standard input without it"))
}

/// Signs one message.
pub(super) fn run(matches: &ArgMatches, raw: RawConfig) -> anyhow::Result<ExitCode> {
    let mut problems = Problems::default();
    let raw = complete(matches, raw);
    let Some(filter) = config::load(&raw, &mut problems) else { return Ok(problems.report(&PROGRAM)) };
    for note in config::changed_habits(&raw).into_iter().chain(filter.notes()) {
        eprintln!("{}: warning: {note}", PROGRAM.name);
    }
    let message = read(matches.get_one::<PathBuf>("FILE").map(PathBuf::as_path))?;
    let decision = decide(filter, &message);
    let signatures = signatures(&decision);
    let mut out = io::stdout().lock();
    out.write_all(&with_line_ends_of(&message, &signatures)).context("cannot write")?;
    if !matches.get_flag("header-only") {
        out.write_all(&message).context("cannot write")?;
    }
    out.flush().context("cannot write")?;
    if signatures.is_empty() {
        eprintln!("{}: not signed: {}", PROGRAM.name, reason(&decision));
        return Ok(ExitCode::from(NOT_SIGNED));
    }
    Ok(ExitCode::SUCCESS)
}

/// Puts what only this tool has into the words of the configuration.
fn complete(matches: &ArgMatches, mut raw: RawConfig) -> RawConfig {
    if let Some(key) = matches.get_one::<String>("key") {
        push(&mut raw, "keyfile", key.clone());
    }
    let has_rules = ["signature", "sender_map", "listid_map"].iter().any(|key| raw.is_written(key));
    if !has_rules {
        let algorithm = matches.get_one::<String>("algorithm").map(|name| format!("a={name}"));
        let domain = (!raw.is_written("domain")).then(|| "d=$senderdomain".to_owned());
        let tags: Vec<String> = domain.into_iter().chain(algorithm).collect();
        push(&mut raw, "signature", format!("dkim({})", tags.join(",")));
    }
    raw
}

fn push(raw: &mut RawConfig, name: &str, value: String) {
    if let Some(key) = PROGRAM.option(name) {
        raw.entries.push(Entry { key, value, origin: Origin::Flag });
    }
}

fn read(file: Option<&Path>) -> anyhow::Result<Vec<u8>> {
    match file {
        Some(path) if path != Path::new("-") => {
            fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        }
        _ => {
            let mut message = Vec::new();
            io::stdin().lock().read_to_end(&mut message).context("cannot read standard input")?;
            Ok(message)
        }
    }
}

fn decide(filter: SigningFilter, message: &[u8]) -> Decision {
    let mut signing = Arc::new(filter).message();
    for line in message.split_inclusive(|&b| b == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) if !text.ends_with(b"\r") => {
                signing.chunk(text);
                signing.chunk(b"\r\n");
            }
            _ => signing.chunk(line),
        }
    }
    signing.decide()
}

fn signatures(decision: &Decision) -> Vec<u8> {
    match &decision.verdict {
        Verdict::Relay(edits) => edits.prepend.clone(),
        Verdict::Refuse(_) => Vec::new(),
    }
}

fn reason(decision: &Decision) -> String {
    let fields = &decision.fields;
    let named = |wanted: &str| fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str());
    let author = named("from").or(named("sender")).map(|author| format!(" (author <{author}>)")).unwrap_or_default();
    let rule = named("rule").map(|rule| format!(" (rule {rule})")).unwrap_or_default();
    format!("{}{author}{rule}", named("reason").unwrap_or("no reason known"))
}

/// A file whose first line ends in LF alone is a Unix file: what is put before it shall look like it.
fn with_line_ends_of(message: &[u8], fields: &[u8]) -> Vec<u8> {
    let first_line = message.split_inclusive(|&b| b == b'\n').next().unwrap_or_default();
    if first_line.ends_with(b"\r\n") || !first_line.ends_with(b"\n") {
        return fields.to_vec();
    }
    fields.iter().copied().filter(|&b| b != b'\r').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_get_the_line_ends_of_the_message() {
        for (message, expected) in
            [("A: b\n\n", "S: x\n y\n"), ("A: b\r\n\r\n", "S: x\r\n y\r\n"), ("", "S: x\r\n y\r\n")]
        {
            assert_eq!(with_line_ends_of(message.as_bytes(), b"S: x\r\n y\r\n"), expected.as_bytes(), "{message:?}");
        }
    }
}
