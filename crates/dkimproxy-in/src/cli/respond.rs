//! `dkimproxy-in respond`: answers a message with what its verification found, for an address that people send test mail to.
//!
//! A mail server pipes each message into it (Postfix: `pipe`, procmail, an alias). It answers the envelope sender and nobody
//! else, from the null sender (RFC 3834 section 3.3), and stays silent wherever an answer could loop, reach a list or hit
//! somebody who has sent nothing.

mod recipient;

use super::{Finding, Verify, text, verifier};
use anyhow::{Context, Result, bail};
use clap::{Arg, ArgMatches, Command};
use dkimproxy_core::verify::DkimResult;
use dkimproxy_daemon::config::Arguments;
use lettre::{
    Address, Message, SmtpTransport, Transport,
    address::Envelope,
    message::{Attachment, Mailbox, MultiPart, SinglePart, header},
};
use recipient::{Silence, recipient};
use std::{
    env,
    io::{self, Read, Write},
    process::{self, ExitCode, Stdio},
    time::Duration,
};

/// A message longer than this is not sent back.
const LONGEST_ATTACHED: usize = 256 * 1024;
/// Nobody tests with more.
const LONGEST_READ: u64 = 64 * 1024 * 1024;
const SMTP_TIMEOUT: Duration = Duration::from_secs(60);

/// How the tool is called.
pub(super) fn command() -> Command {
    Command::new("respond")
        .about("Answer the message on standard input with what its verification found")
        .long_about(HELP)
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("ADDRESS")
                .required(true)
                .value_parser(address)
                .help("Whom the answer is from, and whose mail is never answered"),
        )
        .arg(
            Arg::new("sender")
                .long("sender")
                .value_name("ADDRESS")
                .help("The envelope sender, if the message does not say it; empty or <> for the null sender"),
        )
        .arg(
            Arg::new("use-from")
                .long("use-from")
                .action(clap::ArgAction::SetTrue)
                .help("Answer the address in From instead; also if the environment variable EXTENSION is usefrom"),
        )
        .arg(
            Arg::new("sendmail")
                .long("sendmail")
                .value_name("PROGRAM")
                .default_value("/usr/sbin/sendmail")
                .help("Program that sends the answer"),
        )
        .arg(
            Arg::new("smtp")
                .long("smtp")
                .value_name("HOST:PORT")
                .conflicts_with("sendmail")
                .help("Send the answer by SMTP to this server instead"),
        )
        .args(super::dns_and_time())
}

const HELP: &str = "\
Verifies the message on standard input as the daemon would, and mails what was found to its envelope sender: that of \
--sender, else of the line \"From ADDRESS\" or the field Return-Path that mail servers put on top. Without any of them \
the message is no delivery, and a mistake.\n\n\
No answer goes to the null sender, to mailing lists, to mail that was sent by a program (Auto-Submitted, Precedence), \
to addresses of programs such as mailer-daemon, or to ourselves. Standard error says so, and the exit code is 0. The \
answer has the null sender and Auto-Submitted, so that nobody answers it. The message is sent back with it only if a \
signature of the domain of who gets it passes; otherwise anybody could have anything mailed to anybody.\n\n\
The exit code is 0 if there is nothing left to do, 75 if the answer could not be handed over (the mail server tries \
again), 1 or 2 for mistakes.";

/// EX_TEMPFAIL of sysexits: the mail server keeps the message and tries again.
const TRY_AGAIN: u8 = 75;

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|error| format!("{error}; responder@example.org is right"))
}

/// Answers one message.
pub(super) fn run(matches: &ArgMatches, arguments: &Arguments) -> Result<ExitCode> {
    let verifier = match verifier(matches, arguments)? {
        Ok(verifier) => verifier,
        Err(code) => return Ok(code),
    };
    let from = matches.get_one::<Address>("from").context("--from is missing")?;
    let mut message = Vec::new();
    io::stdin().lock().take(LONGEST_READ).read_to_end(&mut message).context("standard input")?;
    if message.is_empty() {
        bail!("empty; expected a message");
    }
    let use_from = matches.get_flag("use-from") || env::var("EXTENSION").as_deref() == Ok("usefrom");
    let delivery = recipient::Delivery::read(&message, matches.get_one::<String>("sender").map(String::as_str))?;
    let to = match recipient(&delivery, from, use_from) {
        Ok(to) => to,
        Err(silence) => return Ok(stay_silent(silence)),
    };
    let answer = answer(&verifier, &delivery, from, &to)?;
    let envelope = Envelope::new(None, vec![to]).context("the answer's envelope")?;
    match send(matches, &envelope, &answer.formatted()) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{}: the answer was not sent: {error:#}", super::PROGRAM.name);
            Ok(ExitCode::from(TRY_AGAIN))
        }
    }
}

fn stay_silent(silence: Silence) -> ExitCode {
    eprintln!("{}: no answer: {silence}", super::PROGRAM.name);
    ExitCode::SUCCESS
}

fn answer(verifier: &Verify, delivery: &recipient::Delivery<'_>, from: &Address, to: &Address) -> Result<Message> {
    let finding = verifier.find("the message".as_ref(), delivery.message.to_vec())?;
    let mut builder = Message::builder()
        .from(Mailbox::new(None, from.clone()))
        .to(Mailbox::new(None, to.clone()))
        .subject("Results of DKIM verification")
        .header(AutoSubmitted)
        .date_now()
        .message_id(None);
    if let Some(id) = delivery.message_id() {
        builder = builder.in_reply_to(id.clone()).references(id);
    }
    let report = SinglePart::plain(body(&finding));
    if may_be_sent_back(&finding, to) && delivery.message.len() <= LONGEST_ATTACHED {
        let octets = Attachment::new("message.eml".to_owned());
        let original = octets.body(delivery.message.to_vec(), header::ContentType::parse("application/octet-stream")?);
        return builder.multipart(MultiPart::mixed().singlepart(report).singlepart(original)).context("the answer");
    }
    builder.singlepart(report).context("the answer")
}

/// Text for people. Whatever of it comes from the message has been made harmless by the report.
fn body(finding: &Finding<'_>) -> String {
    format!(
        "This is an automatic answer to a message that was sent to be tested.\n\n{}\n\n\
         Questions go to a person at the address above; mail sent there is not answered by this program.\n",
        text::report(finding).replace('\r', "")
    )
}

/// A signature of the recipient's own domain passes.
fn may_be_sent_back(finding: &Finding<'_>, to: &Address) -> bool {
    let Ok(domain) = dkimproxy_core::domain::DomainName::new(to.domain()) else { return false };
    let own = |signer: &dkimproxy_core::domain::DomainName| domain.is_within(signer);
    finding
        .examined
        .dkim()
        .iter()
        .any(|judged| judged.result() == DkimResult::Pass && judged.found.domain.as_ref().is_some_and(own))
}

/// `Auto-Submitted: auto-replied` (RFC 3834 section 5).
#[derive(Debug, Clone, Copy)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-replied".to_owned())
    }
}

fn send(matches: &ArgMatches, envelope: &Envelope, answer: &[u8]) -> Result<()> {
    if let Some(server) = matches.get_one::<String>("smtp") {
        let (host, port) = server.rsplit_once(':').context("--smtp: HOST:PORT is right")?;
        let port = port.parse().context("--smtp: HOST:PORT is right")?;
        let smtp = SmtpTransport::builder_dangerous(host.trim_matches(['[', ']'])).port(port);
        smtp.timeout(Some(SMTP_TIMEOUT)).build().send_raw(envelope, answer).context(server.clone())?;
        return Ok(());
    }
    let program = matches.get_one::<String>("sendmail").context("--sendmail is missing")?;
    sendmail(program, envelope, answer).with_context(|| program.clone())
}

/// Hands it over as every sendmail program takes it: the recipient as an argument of its own, LF line ends, the end of
/// input as the end. (lettre's own way would put a second async runtime into the lock file.)
fn sendmail(program: &str, envelope: &Envelope, answer: &[u8]) -> Result<()> {
    let mut command = process::Command::new(program);
    command.args(["-i", "-f", "<>", "--"]).args(envelope.to().iter().map(ToString::to_string));
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    let lines: Vec<u8> = answer.iter().copied().filter(|&octet| octet != b'\r').collect();
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(&lines));
    let status = child.wait()?;
    if !status.success() {
        bail!("{status}");
    }
    written.context("it did not read the answer")
}
