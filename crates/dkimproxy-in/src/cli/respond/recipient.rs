//! Who gets an answer, and who must not (RFC 3834 section 2).

use anyhow::{Result, bail};
use dkimproxy_core::{address, header::Header, message::MessageReader};
use lettre::Address;
use std::sync::Arc;
use thiserror::Error;

/// Longest header section that is looked at, in octets.
const LONGEST_HEADER: usize = 1 << 20;

/// Why nobody gets an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(super) enum Silence {
    /// A bounce, or something that wants none: "MUST NOT be sent to the null sender".
    #[error("the message has the null sender")]
    NullSender,
    /// RFC 3834 section 2: automatic mail is not answered automatically.
    #[error("the message was sent by a program ({0})")]
    Automatic(&'static str),
    /// A list: everybody on it would read the answer, or its owner.
    #[error("the message came over a mailing list ({0})")]
    List(&'static str),
    /// An address that no person reads.
    #[error("{0} is no address of a person")]
    Program(String),
    /// It would come back to us.
    #[error("the message is from ourselves")]
    Ourselves,
    /// The header is longer than anybody's.
    #[error("the header section is too long")]
    LongHeader,
    /// Nothing that mail could be sent to.
    #[error("there is no address to answer to")]
    NoAddress,
}

/// A message as a mail server hands it over.
#[derive(Debug)]
pub(super) struct Delivery<'a> {
    /// The message, without the line "From ADDRESS".
    pub(super) message: &'a [u8],
    header: Option<Arc<Header>>,
    /// The envelope sender as it was given, brackets removed; empty: the null sender.
    sender: String,
}

impl<'a> Delivery<'a> {
    /// Finds the envelope sender.
    ///
    /// # Errors
    ///
    /// There is none: this is no delivery, and who is to be answered is anybody's guess.
    pub(super) fn read(handed: &'a [u8], sender: Option<&str>) -> Result<Self> {
        let (from_line, message) = from_line(handed);
        let header = header(message);
        let sender = sender.map(str::to_owned).or(from_line).or_else(|| {
            let field = header.as_ref()?.named("Return-Path").next()?;
            Some(String::from_utf8_lossy(field.body()).into_owned())
        });
        let Some(sender) = sender else {
            bail!("no envelope sender: no line \"From ADDRESS\", no Return-Path, no --sender");
        };
        let sender = sender.trim().trim_start_matches('<').trim_end_matches('>').to_owned();
        Ok(Self { message, header, sender })
    }

    /// What stands in Message-ID, if it can be referred to.
    pub(super) fn message_id(&self) -> Option<String> {
        let id =
            String::from_utf8(self.header.as_ref()?.named("Message-ID").next()?.body().trim_ascii().to_vec()).ok()?;
        let is_sound = id.starts_with('<') && id.ends_with('>') && id.len() <= 250;
        (is_sound && id.bytes().all(|octet| octet.is_ascii_graphic())).then_some(id)
    }
}

/// The line that mbox and `pipe` put before a message: `From ADDRESS date`.
fn from_line(handed: &[u8]) -> (Option<String>, &[u8]) {
    let Some(rest) = handed.strip_prefix(b"From ") else { return (None, handed) };
    let end = rest.iter().position(|&octet| octet == b'\n').map_or(rest.len(), |at| at + 1);
    let (line, message) = rest.split_at_checked(end).unwrap_or((rest, b""));
    let sender = String::from_utf8_lossy(line).split_whitespace().next().unwrap_or_default().to_owned();
    // A local bounce has "From MAILER-DAEMON".
    (Some(if sender.eq_ignore_ascii_case("mailer-daemon") { String::new() } else { sender }), message)
}

fn header(message: &[u8]) -> Option<Arc<Header>> {
    let mut reader = MessageReader::new(LONGEST_HEADER);
    // Lines may end in LF, as files have them.
    let crlf: Vec<u8>;
    let message = if message.windows(2).any(|pair| pair == b"\r\n") {
        message
    } else {
        crlf = message.split(|&octet| octet == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
        &crlf
    };
    reader.push(message).ok()?;
    reader.finish().ok().cloned()
}

/// Who is to be answered.
pub(super) fn recipient(delivery: &Delivery<'_>, ourselves: &Address, use_from: bool) -> Result<Address, Silence> {
    let header = delivery.header.as_ref().ok_or(Silence::LongHeader)?;
    if delivery.sender.is_empty() {
        return Err(Silence::NullSender);
    }
    not_automatic(header)?;
    let sender: Address = delivery.sender.parse().map_err(|_| Silence::NoAddress)?;
    not_a_program(&sender)?;
    let to = if use_from { from(header).ok_or(Silence::NoAddress)? } else { sender.clone() };
    not_a_program(&to)?;
    if [&to, &sender].iter().any(|address| is_same(address, ourselves)) {
        return Err(Silence::Ourselves);
    }
    Ok(to)
}

fn not_automatic(header: &Header) -> Result<(), Silence> {
    const LIST: &[&str] =
        &["List-Id", "List-Post", "List-Help", "List-Subscribe", "List-Unsubscribe", "List-Owner", "List-Archive"];
    if let Some(name) = LIST.iter().find(|name| header.named(name).next().is_some()) {
        return Err(Silence::List(name));
    }
    let word = |name| header.named(name).next().map(|field| first_word(field.body()));
    if word("Auto-Submitted").is_some_and(|word| word != "no") {
        return Err(Silence::Automatic("Auto-Submitted"));
    }
    if word("Precedence").is_some_and(|word| matches!(word.as_str(), "bulk" | "list" | "junk" | "auto_reply")) {
        return Err(Silence::Automatic("Precedence"));
    }
    for name in ["X-Auto-Response-Suppress", "X-Autoreply", "X-Autorespond", "X-Loop"] {
        if header.named(name).next().is_some() {
            return Err(Silence::Automatic(name));
        }
    }
    Ok(())
}

fn first_word(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    text.split(|c: char| c.is_whitespace() || matches!(c, ';' | '(')).find(|w| !w.is_empty()).unwrap_or("").to_owned()
}

/// RFC 3834 section 2: "owner-", "-request", "MAILER-DAEMON" and the like are recognized.
fn not_a_program(address: &Address) -> Result<(), Silence> {
    let user = address.user().to_ascii_lowercase();
    let is_program = matches!(user.as_str(), "mailer-daemon" | "noreply" | "no-reply" | "donotreply" | "do-not-reply")
        || user.starts_with("owner-")
        || ["-request", "-owner", "-bounces", "-bounce"]
            .iter()
            .any(|end| user.ends_with(end) || user.contains(&format!("{end}+")));
    if is_program { Err(Silence::Program(address.to_string())) } else { Ok(()) }
}

/// The address in From, if there is one and no more.
fn from(header: &Header) -> Option<Address> {
    let mut fields = header.named("From");
    let list = address::read(fields.next()?.body());
    if fields.next().is_some() || !list.is_certain {
        return None;
    }
    match list.mailboxes.as_slice() {
        [mailbox] => mailbox.to_string().parse().ok(),
        _ => None,
    }
}

fn is_same(a: &Address, b: &Address) -> bool {
    a.user().eq_ignore_ascii_case(b.user()) && a.domain().eq_ignore_ascii_case(b.domain())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(handed: &str, sender: Option<&str>, use_from: bool) -> Result<String, Silence> {
        let ourselves = "test@responder.example".parse().unwrap();
        let delivery = Delivery::read(handed.as_bytes(), sender).unwrap();
        recipient(&delivery, &ourselves, use_from).map(|address| address.to_string())
    }

    #[test]
    fn who_is_answered() {
        for (handed, sender, use_from, expected) in [
            ("From a@example.org Mon Jan\nFrom: b@example.org\n\nx", None, false, "a@example.org"),
            ("From a@example.org Mon Jan\r\nFrom: b@example.org\r\n\r\nx", None, false, "a@example.org"),
            ("Return-Path: <a@example.org>\nFrom: b@example.org\n\nx", None, false, "a@example.org"),
            ("From: b@example.org\n\nx", Some("a@example.org"), false, "a@example.org"),
            ("From: B <b@example.org>\n\nx", Some("<a@example.org>"), true, "b@example.org"),
            ("Auto-Submitted: no\n\nx", Some("a@example.org"), false, "a@example.org"),
        ] {
            assert_eq!(ask(handed, sender, use_from).as_deref(), Ok(expected), "{handed:?}");
        }
    }

    #[test]
    fn who_is_never_answered() {
        let a = Some("a@example.org");
        for (handed, sender, expected) in [
            ("From: a@example.org\n\nx", Some("<>"), Silence::NullSender),
            ("From: a@example.org\n\nx", Some(""), Silence::NullSender),
            ("From MAILER-DAEMON Mon\nFrom: a@example.org\n\nx", None, Silence::NullSender),
            ("Return-Path: <>\n\nx", None, Silence::NullSender),
            ("List-Id: <l.example.org>\n\nx", a, Silence::List("List-Id")),
            ("List-Unsubscribe: <mailto:x@example.org>\n\nx", a, Silence::List("List-Unsubscribe")),
            ("Auto-Submitted: auto-replied\n\nx", a, Silence::Automatic("Auto-Submitted")),
            ("Auto-Submitted: AUTO-GENERATED; x=y\n\nx", a, Silence::Automatic("Auto-Submitted")),
            ("Precedence: Bulk\n\nx", a, Silence::Automatic("Precedence")),
            ("X-Loop: x\n\nx", a, Silence::Automatic("X-Loop")),
            ("x: y\n\nx", Some("owner-list@example.org"), Silence::Program("owner-list@example.org".into())),
            ("x: y\n\nx", Some("l-bounces+a=b@example.org"), Silence::Program("l-bounces+a=b@example.org".into())),
            ("x: y\n\nx", Some("Mailer-Daemon@example.org"), Silence::Program("Mailer-Daemon@example.org".into())),
            ("x: y\n\nx", Some("TEST@Responder.example"), Silence::Ourselves),
            ("x: y\n\nx", Some("a b@example.org, c@d"), Silence::NoAddress),
            ("x: y\n\nx", Some("-oQ/tmp"), Silence::NoAddress),
        ] {
            assert_eq!(ask(handed, sender, false), Err(expected), "{handed:?} {sender:?}");
        }
        // By From: none, two, or ourselves.
        for (handed, expected) in [
            ("Subject: x\n\nx", Silence::NoAddress),
            ("From: b@example.org, c@example.org\n\nx", Silence::NoAddress),
            ("From: b@example.org\nFrom: c@example.org\n\nx", Silence::NoAddress),
            ("From: test@responder.example\n\nx", Silence::Ourselves),
        ] {
            assert_eq!(ask(handed, a, true), Err(expected), "{handed:?}");
        }
    }

    #[test]
    fn what_is_no_delivery_is_a_mistake() {
        assert!(Delivery::read(b"Subject: x\n\nx", None).is_err());
    }
}
