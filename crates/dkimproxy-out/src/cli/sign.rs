//! `dkimproxy-out sign [FILE]`: does to one message what the daemon would do.

use super::canonical;
use crate::{
    config::{self, PROGRAM},
    filter::SigningFilter,
};
use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser, parser::ValueSource, value_parser};
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
            switch("header-only", "Print the signature fields only, not the message (as dkimproxy-sign did)"),
        )
        .arg(Arg::new("key").long("key").value_name("FILE").help("The same as --keyfile"))
        .arg(Arg::new("algorithm").long("algorithm").value_name("NAME").help("rsa-sha256 or ed25519-sha256"))
        .arg(
            Arg::new("type")
                .long("type")
                .value_parser(PossibleValuesParser::new(["dkim", "domainkeys"]))
                .help("Type of signature [default: dkim]"),
        )
        .arg(Arg::new("expiration").long("expiration").value_name("TIME").help("Write x=: 7d, or a number of seconds"))
        .arg(switch("timestamp", "Write t=, whatever layout says"))
        .arg(
            Arg::new("debug-canonicalization")
                .long("debug-canonicalization")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Write the text that was signed to FILE"),
        )
        .arg(switch("binary", "Take line ends as they are; do not sign LF as CRLF"))
        .arg(Arg::new("key-protocol").long("key-protocol").value_name("NAME").hide(true))
        .arg(Arg::new("extra-tag").long("extra-tag").value_name("NAME=VALUE").action(ArgAction::Append).hide(true))
        .arg(Arg::new("FILE").value_parser(value_parser!(PathBuf)).help("The message; standard input without it"))
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
}

/// Signs one message.
pub(super) fn run(matches: &ArgMatches, raw: RawConfig) -> anyhow::Result<ExitCode> {
    let mut problems = Problems::default();
    refuse_what_cannot_be(matches)?;
    let raw = complete(matches, raw)?;
    let Some(filter) = config::load(&raw, &mut problems) else { return Ok(problems.report(&PROGRAM)) };
    for note in config::changed_habits(&raw).into_iter().chain(filter.notes()) {
        eprintln!("{}: warning: {note}", PROGRAM.name);
    }
    let message = read(matches.get_one::<PathBuf>("FILE").map(PathBuf::as_path))?;
    let sent = if matches.get_flag("binary") { message.clone() } else { with_crlf(&message) };
    let decision = decide(filter, &sent);
    let signatures = signatures(&decision);
    if let Some(file) = matches.get_one::<PathBuf>("debug-canonicalization") {
        let text = canonical::signed_text(&signatures, &sent).unwrap_or_default();
        fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
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

/// Options of dkimproxy-sign that would have no effect: better said than ignored.
fn refuse_what_cannot_be(matches: &ArgMatches) -> anyhow::Result<()> {
    if matches.contains_id("extra-tag") {
        bail!("--extra-tag: no further tags are written; --expiration and --identity write x= and i=");
    }
    match matches.get_one::<String>("key-protocol").map(String::as_str) {
        None | Some("dns" | "dns/txt") => Ok(()),
        Some(other) => {
            bail!("--key-protocol: \"{other}\" is unknown; keys are found by dns/txt (RFC 6376 section 3.5)")
        }
    }
}

/// Puts what only this tool has into the words of the configuration.
fn complete(matches: &ArgMatches, mut raw: RawConfig) -> anyhow::Result<RawConfig> {
    if let Some(key) = matches.get_one::<String>("key") {
        push(&mut raw, "keyfile", key.clone());
    }
    let has_rules = ["signature", "sender_map", "listid_map"].iter().any(|key| raw.is_written(key));
    if !has_rules {
        let signature = one_signature(matches, raw.is_written("domain"));
        push(&mut raw, "signature", signature);
    } else if let Some(name) = OF_ONE_SIGNATURE.iter().find(|name| is_given(matches, name)) {
        bail!(
            "--{name} has no effect where signature, sender_map or listid_map says how to sign; leave one of them out"
        );
    }
    Ok(raw)
}

/// What describes the signature that is made where the configuration has no rules.
const OF_ONE_SIGNATURE: &[&str] = &["type", "algorithm", "expiration", "timestamp"];

fn is_given(matches: &ArgMatches, name: &str) -> bool {
    matches.value_source(name) == Some(ValueSource::CommandLine)
}

fn one_signature(matches: &ArgMatches, has_domain: bool) -> String {
    let text = |name| matches.get_one::<String>(name);
    let tags = [
        (!has_domain).then(|| "d=$senderdomain".to_owned()),
        text("algorithm").map(|name| format!("a={name}")),
        text("expiration").map(|time| format!("lifetime={time}")),
        matches.get_flag("timestamp").then(|| "t=yes".to_owned()),
    ];
    let tags: Vec<String> = tags.into_iter().flatten().collect();
    format!("{}({})", text("type").map_or("dkim", String::as_str), tags.join(","))
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

/// The message as SMTP carries it: each line ends in CRLF.
fn with_crlf(message: &[u8]) -> Vec<u8> {
    let mut sent = Vec::with_capacity(message.len() + message.len() / 32);
    for line in message.split_inclusive(|&b| b == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(text) if !text.ends_with(b"\r") => {
                sent.extend_from_slice(text);
                sent.extend_from_slice(b"\r\n");
            }
            _ => sent.extend_from_slice(line),
        }
    }
    sent
}

fn decide(filter: SigningFilter, message: &[u8]) -> Decision {
    let mut signing = Arc::new(filter).message();
    signing.chunk(message);
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

    fn matches(args: &[&str]) -> ArgMatches {
        command().get_matches_from(["sign"].iter().chain(args))
    }

    #[test]
    fn the_options_of_old_become_tags() {
        for (args, has_domain, expected) in [
            (&[][..], false, "dkim(d=$senderdomain)"),
            (&[], true, "dkim()"),
            (&["--type=domainkeys"], true, "domainkeys()"),
            (
                &["--algorithm=rsa-sha256", "--expiration=86400", "--timestamp"],
                true,
                "dkim(a=rsa-sha256,lifetime=86400,t=yes)",
            ),
        ] {
            let signature = one_signature(&matches(args), has_domain);
            assert_eq!(signature, expected, "{args:?}");
            assert!(signature.parse::<crate::keyring::Item>().is_ok());
        }
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        assert!(refuse_what_cannot_be(&matches(&["--extra-tag=z=1"])).is_err());
        assert!(refuse_what_cannot_be(&matches(&["--key-protocol=finger"])).is_err());
        assert!(refuse_what_cannot_be(&matches(&["--key-protocol=dns/txt"])).is_ok());
        let mut raw = RawConfig::new(&PROGRAM, Vec::new(), Vec::new());
        push(&mut raw, "signature", "dkim".into());
        assert!(complete(&matches(&["--type=dkim"]), raw.clone()).is_err());
        assert!(complete(&matches(&[]), raw).is_ok());
    }

    #[test]
    fn fields_get_the_line_ends_of_the_message() {
        for (message, expected) in
            [("A: b\n\n", "S: x\n y\n"), ("A: b\r\n\r\n", "S: x\r\n y\r\n"), ("", "S: x\r\n y\r\n")]
        {
            assert_eq!(with_line_ends_of(message.as_bytes(), b"S: x\r\n y\r\n"), expected.as_bytes(), "{message:?}");
        }
    }
}
