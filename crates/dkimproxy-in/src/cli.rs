//! The tools, on the daemon's own verification: `verify` for messages in files, `respond` for messages sent to be tested.

mod classic;
mod json;
mod respond;
mod text;

use crate::{
    PROGRAM,
    config::Config,
    envelope::Envelope,
    examine::{Examination, Examined},
    filter, policy,
    report::authentication_results,
    resolver::Dns,
};
use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use dkimproxy_auth::{authenticate::Authenticator, dns::Zone, results::AuthenticationResults};
use dkimproxy_daemon::config::{Arguments, Problems};
use std::{
    io::{Read, Write},
    net::IpAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

/// The subcommands of dkimproxy-in's own.
pub(crate) fn commands() -> Vec<Command> {
    let switch =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue).help(help);
    let verify = Command::new("verify")
        .about("Check messages in files, and print what is found")
        .long_about(VERIFY_HELP)
        .arg(
            Arg::new("FILE")
                .value_parser(value_parser!(PathBuf))
                .action(ArgAction::Append)
                .help("Message files; - is standard input"),
        )
        .arg(switch("json", "Print one JSON object per message, one per line"))
        .arg(switch("classic", "Print what dkimproxy-verify printed").conflicts_with("json"))
        .arg(
            value("client-ip", "ADDRESS", "Address of the client that brought the message (SPF, iprev)")
                .value_parser(value_parser!(IpAddr)),
        )
        .arg(value("client-name", "NAME", "Name of that address"))
        .arg(value("helo", "NAME", "What the client said with EHLO or HELO (SPF)"))
        .arg(value("mail-from", "ADDRESS", "Envelope sender (SPF); <> is the null one"))
        .args(dns_and_time())
        .arg(switch("raw", "Take line ends as they are"));
    vec![verify, respond::command()]
}

fn value(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// Where a tool takes the world from, if not from the network and the clock.
fn dns_and_time() -> [Arg; 2] {
    [
        value("dns", "FILE", "Answer DNS from this JSON file, not from the network")
            .value_parser(value_parser!(PathBuf)),
        value("now", "EPOCH", "Verify as of that time, in seconds since 1970").value_parser(value_parser!(u64)),
    ]
}

const VERIFY_HELP: &str = "\
Checks messages in files (standard input without any) and prints what is found, as the daemon would: DKIM, ARC, DMARC, \
and SPF if the client is told with --client-ip, --helo and --mail-from. The configuration's flags count too: --resolver, \
--authserv-id, --action, --conf_file ...

A file that has no CRLF at all is taken for a message saved with LF line ends, and is read as if each were CRLF.

The file for --dns is a JSON object that maps names to lists of TXT strings, or to \"timeout\", \"servfail\" or \
\"nxdomain\", or to objects by record type: {\"A\": [\"192.0.2.1\"]}; names that are absent do not exist.

The exit code is 0 if all files could be read, whatever the results are; 1 otherwise; 2 for mistakes in the \
configuration.";

/// Runs a subcommand.
pub(crate) fn run(name: &str, matches: &ArgMatches, arguments: &Arguments) -> ExitCode {
    let done = match name {
        "verify" => verify(matches, arguments),
        "respond" => respond::run(matches, arguments),
        _ => Err(anyhow::anyhow!("unknown command {name}")),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{}: {error:#}", PROGRAM.name);
        ExitCode::FAILURE
    })
}

/// One message and what there is to say about it.
struct Finding<'a> {
    file: &'a Path,
    /// LF line ends were taken for CRLF.
    converted: bool,
    examined: Examined,
    config: &'a Config,
}

impl Finding<'_> {
    /// The results as the daemon would write them.
    fn results(&self) -> AuthenticationResults {
        let refusal = self.judgement().refusal.filter(|_| self.config.actions.dry_run);
        authentication_results(self.config, &self.examined, refusal.as_ref())
    }

    /// What the daemon would do.
    fn judgement(&self) -> policy::Judgement {
        policy::judge(&self.config.actions, &self.examined.facts())
    }
}

fn verify(matches: &ArgMatches, arguments: &Arguments) -> Result<ExitCode> {
    let verifier = match verifier(matches, arguments)? {
        Ok(verifier) => Verify {
            raw: matches.get_flag("raw"),
            report: match (matches.get_flag("json"), matches.get_flag("classic")) {
                (true, _) => json::object,
                (_, true) => classic::report,
                _ => text::report,
            },
            envelope: envelope(matches, &verifier.config),
            ..verifier
        },
        Err(code) => return Ok(code),
    };
    let standard_input = PathBuf::from("-");
    let files: Vec<&PathBuf> = matches.get_many("FILE").map_or_else(|| vec![&standard_input], Iterator::collect);
    let mut all_read = true;
    for file in files {
        if let Err(error) = verifier.file(file) {
            eprintln!("{}: {}: {error:#}", PROGRAM.name, file.display());
            all_read = false;
        }
    }
    Ok(if all_read { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What verifies a message by itself, as text, by the configuration. The exit code: it has mistakes, which were printed.
fn verifier(matches: &ArgMatches, arguments: &Arguments) -> Result<Result<Verify, ExitCode>> {
    let mut problems = Problems::default();
    let config = match arguments.read(&PROGRAM) {
        Ok(raw) => Config::from_raw(&raw, &mut problems),
        Err(found) => return Ok(Err(found.report(&PROGRAM))),
    };
    let Some(config) = config else { return Ok(Err(problems.report(&PROGRAM))) };
    let authenticator = match matches.get_one::<PathBuf>("dns") {
        Some(file) => config.ask(Dns::Zone(read_zone(file)?)),
        None => config.ask_network().map_err(anyhow::Error::msg)?,
    };
    Ok(Ok(Verify {
        now: matches.get_one::<u64>("now").copied().unwrap_or_else(filter::now),
        raw: false,
        report: text::report,
        envelope: Envelope::told(None, None, None, None, &config.clients),
        config: Arc::new(config),
        authenticator,
    }))
}

fn envelope(matches: &ArgMatches, config: &Config) -> Envelope {
    let text = |name: &str| matches.get_one::<String>(name);
    let address = matches.get_one::<IpAddr>("client-ip").copied();
    let mail_from = text("mail-from").map(String::as_str);
    Envelope::told(address, text("client-name").cloned(), text("helo").cloned(), mail_from, &config.clients)
}

/// The work, file by file.
struct Verify {
    config: Arc<Config>,
    authenticator: Authenticator<Dns>,
    envelope: Envelope,
    now: u64,
    raw: bool,
    report: fn(&Finding<'_>) -> String,
}

impl Verify {
    fn file(&self, file: &Path) -> Result<()> {
        let finding = self.find(file, read_message(file)?)?;
        writeln!(std::io::stdout(), "{}", (self.report)(&finding)).context("standard output")
    }

    /// What there is to say about a message from that file.
    fn find<'a>(&'a self, file: &'a Path, mut message: Vec<u8>) -> Result<Finding<'a>> {
        let converted = !self.raw && with_crlf(&mut message);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let examined = runtime.block_on(async {
            let authenticator = self.authenticator.clone();
            let mut examination = Examination::new(authenticator, self.config.clone(), self.envelope.clone(), self.now);
            examination.chunk(&message);
            examination.finish().await
        })?;
        Ok(Finding { file, converted, examined, config: &self.config })
    }
}

fn read_message(file: &Path) -> Result<Vec<u8>> {
    let mut message = Vec::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut message)?;
    } else {
        message = std::fs::read(file)?;
    }
    if message.is_empty() {
        bail!("empty; expected a message");
    }
    Ok(message)
}

/// Makes CRLF of each LF if there is no CRLF at all. True if that changed something.
fn with_crlf(message: &mut Vec<u8>) -> bool {
    if message.windows(2).any(|pair| pair == b"\r\n") || !message.contains(&b'\n') {
        return false;
    }
    let lines: Vec<&[u8]> = message.split(|octet| *octet == b'\n').collect();
    *message = lines.join(&b"\r\n"[..]);
    true
}

fn read_zone(file: &Path) -> Result<Zone> {
    let context = || file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(context)?;
    Zone::from_json(&text).with_context(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lf_becomes_crlf_only_where_there_is_no_crlf() {
        for (before, after) in [
            (&b"a\nb\n\nc"[..], &b"a\r\nb\r\n\r\nc"[..]),
            (b"a\r\nb\nc", b"a\r\nb\nc"),
            (b"a\rb\nc", b"a\rb\r\nc"),
            (b"abc", b"abc"),
        ] {
            let mut message = before.to_vec();
            assert_eq!(with_crlf(&mut message), before != after);
            assert_eq!(message, after);
        }
    }
}
