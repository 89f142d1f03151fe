//! One message on its way: picks the keys at the end of the header, hashes the body as it streams, puts the signatures
//! before the message. Nothing else in it changes.

use crate::{
    author::Author,
    keyring::{Keyring, Unsignable},
    signing::{Signing, SigningError},
};
use dkimproxy_core::{
    domainkeys::DomainKeysSignError,
    header::Header,
    message::{HeaderTooLong, MessageReader},
    sign::SignError,
};
use dkimproxy_daemon::filter::{Client, Decision, Edits, Filter, MessageFilter, Reply, Transaction, Verdict};
use std::{
    future::{Future, ready},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use thiserror::Error;

/// What is done where something goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Refuse mail that a rule covers but that cannot be signed, instead of passing it on unsigned.
    pub reject_error: bool,
    /// Longest header section that is looked at, in octets.
    pub header_limit: usize,
}

/// Signs what the rules cover.
#[derive(Debug)]
pub struct SigningFilter {
    keyring: Keyring,
    policy: Policy,
    /// What was odd about the configuration.
    warnings: Vec<String>,
    /// What somebody who comes from 1.4.1 will feel.
    differences: Vec<String>,
    clock: fn() -> u64,
}

impl SigningFilter {
    /// A filter that tells the time by the system's clock.
    pub fn new(keyring: Keyring, policy: Policy) -> Self {
        Self { keyring, policy, warnings: Vec::new(), differences: Vec::new(), clock: seconds_since_epoch }
    }

    /// With what there is to say about the configuration it was made from.
    #[must_use]
    pub fn with_remarks(self, warnings: Vec<String>, differences: Vec<String>) -> Self {
        Self { warnings, differences, ..self }
    }

    /// The rules and keys.
    pub fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// A message begins.
    pub fn message(self: &Arc<Self>) -> SigningMessage {
        let reader = MessageReader::new(self.policy.header_limit);
        SigningMessage { filter: Arc::clone(self), reader, work: None }
    }
}

impl Filter for SigningFilter {
    type Message = SigningMessage;

    fn begin(self: &Arc<Self>, _client: &Client, _transaction: &Transaction) -> SigningMessage {
        self.message()
    }

    fn notes(&self) -> Vec<String> {
        self.warnings.clone()
    }

    fn describe(&self) -> Vec<String> {
        let differences = self.differences.iter().map(|difference| format!("difference: {difference}"));
        self.keyring.describe().into_iter().chain(differences).collect()
    }
}

/// One message.
#[derive(Debug)]
pub struct SigningMessage {
    filter: Arc<SigningFilter>,
    reader: MessageReader,
    /// None until the header has ended.
    work: Option<Work>,
}

/// What is to be done, and what the log will say.
#[derive(Debug)]
struct Work {
    plan: Plan,
    about: About,
}

#[derive(Debug)]
enum Plan {
    Sign(Box<Signing>),
    /// Pass it on as it is: no rule covers it, or its rule wants no signature.
    Leave(String),
    /// A rule covers it, and cannot sign it.
    Fail(Trouble),
}

/// Why a message that ought to be signed is not.
#[derive(Debug, Error)]
enum Trouble {
    #[error(transparent)]
    Rule(#[from] Unsignable),
    #[error(transparent)]
    Sign(#[from] SigningError),
    #[error(transparent)]
    Header(#[from] HeaderTooLong),
    /// Before such a message no field can stand: the line would be its end, and of a signature it would spoil b=.
    #[error("the message begins with a continuation line")]
    Continuation,
}

/// What the log says about a message, in the order of 1.4.1 and with more after it.
#[derive(Debug, Default)]
struct About {
    message_id: Option<String>,
    signer: Option<String>,
    author: Option<Author>,
    rule: Option<String>,
    keys: Vec<String>,
    algorithms: Vec<String>,
    /// Why not all signatures of the rule are there.
    left_out: Option<String>,
}

impl MessageFilter for SigningMessage {
    fn chunk(&mut self, chunk: &[u8]) {
        match self.reader.push(chunk) {
            Ok(body) => {
                if self.work.is_none()
                    && let Some(header) = self.reader.header()
                {
                    self.work = Some(Work::new(&self.filter, header));
                }
                if let Some(Work { plan: Plan::Sign(signing), .. }) = &mut self.work {
                    signing.update(body);
                }
            }
            Err(error) => self.work = Some(Work::failed(error)),
        }
    }

    fn finish(self) -> impl Future<Output = Decision> {
        ready(self.decide())
    }
}

impl SigningMessage {
    /// The message is complete. (There is nothing to wait for, so the command line needs no runtime.)
    pub fn decide(mut self) -> Decision {
        let work = match self.work.take() {
            Some(work) => work,
            None => match self.reader.finish() {
                Ok(header) => Work::new(&self.filter, header),
                Err(error) => Work::failed(error),
            },
        };
        work.decide(self.filter.policy)
    }
}

impl Work {
    fn new(filter: &SigningFilter, header: &Arc<Header>) -> Self {
        let choice = filter.keyring.choose(header);
        let mut about = About { message_id: message_id(header), author: choice.author, ..About::default() };
        let Some(matched) = choice.matched else {
            return Self { plan: Plan::Leave("no rule covers it".to_owned()), about };
        };
        about.rule = Some(matched.to_string());
        let plan = match matched.requests(about.author.as_ref()) {
            Ok(requests) if requests.is_empty() => Plan::Leave("its rule asks for no signature".to_owned()),
            Ok(_) if begins_with_blank(header) => Plan::Fail(Trouble::Continuation),
            Ok(requests) => {
                let signing = Signing::new(header, requests, (filter.clock)());
                about.note(&signing);
                match about.left_out.take_if(|_| signing.made().is_empty()) {
                    Some(reason) => Plan::Leave(reason),
                    None => Plan::Sign(Box::new(signing)),
                }
            }
            Err(error) => Plan::Fail(error.into()),
        };
        Self { plan, about }
    }

    fn failed(error: HeaderTooLong) -> Self {
        Self { plan: Plan::Fail(error.into()), about: About::default() }
    }

    fn decide(self, policy: Policy) -> Decision {
        let signed = match self.plan {
            Plan::Leave(reason) => return skipped(&self.about, &reason),
            Plan::Fail(trouble) => Err(trouble),
            Plan::Sign(signing) => signing.finish().map_err(Trouble::from),
        };
        match signed {
            Ok(fields) => Decision {
                verdict: Verdict::Relay(Edits { prepend: fields, cut: Vec::new() }),
                summary: "DKIM signing - signed".to_owned(),
                fields: self.about.fields(),
                warn: false,
            },
            Err(trouble) => failed(&self.about, &trouble, policy),
        }
    }
}

fn skipped(about: &About, reason: &str) -> Decision {
    let mut fields = about.fields();
    fields.push(("reason", reason.to_owned()));
    Decision {
        verdict: Verdict::Relay(Edits::default()),
        summary: "DKIM signing - skipped".to_owned(),
        fields,
        warn: false,
    }
}

fn failed(about: &About, trouble: &Trouble, policy: Policy) -> Decision {
    let verdict = if policy.reject_error { Verdict::Refuse(trouble.reply()) } else { Verdict::Relay(Edits::default()) };
    let mut fields = about.fields();
    fields.retain(|(name, _)| !matches!(*name, "signer" | "reason"));
    fields.push(("reason", trouble.to_string()));
    Decision { verdict, summary: "DKIM signing - error".to_owned(), fields, warn: true }
}

impl Trouble {
    /// What strangers are told, in the form of 1.4.1: temporary where we are at fault, permanent where the message is.
    fn reply(&self) -> Reply {
        match self {
            Self::Rule(Unsignable::Incomplete)
            | Self::Sign(SigningError::Dkim(SignError::Crypto(_) | SignError::BodyNotHashed))
            | Self::Sign(SigningError::DomainKeys(DomainKeysSignError::Crypto(_) | DomainKeysSignError::NotHashed)) => {
                Reply::new(450, "4.7.0", "DKIM - temperror (the message could not be signed, try again later)")
            }
            Self::Sign(SigningError::DomainKeys(
                DomainKeysSignError::NoSendingAddress
                | DomainKeysSignError::DomainMismatch(_)
                | DomainKeysSignError::AlreadySigned,
            )) => Reply::new(550, "5.6.0", "DKIM - permerror (DomainKeys does not allow to sign the message)"),
            Self::Sign(SigningError::Dkim(SignError::NoFrom)) => {
                Reply::new(550, "5.6.0", "DKIM - permerror (the message has no From field)")
            }
            Self::Rule(Unsignable::NoAuthor) => {
                Reply::new(550, "5.6.0", "DKIM - permerror (the message names no author)")
            }
            Self::Rule(Unsignable::Domain { .. }) => {
                Reply::new(550, "5.6.0", "DKIM - permerror (the author's domain is no domain name)")
            }
            Self::Continuation => {
                Reply::new(550, "5.6.0", "DKIM - permerror (the message begins with a continuation line)")
            }
            Self::Header(_) => Reply::new(552, "5.3.4", "DKIM - permerror (the header section is too long)"),
        }
    }
}

impl About {
    fn note(&mut self, signing: &Signing) {
        // As in 1.4.1: the identity of the last signature.
        self.signer = signing.made().last().map(|made| made.signer.clone());
        self.keys = signing.made().iter().map(|made| made.key.clone()).collect();
        self.algorithms = signing.made().iter().map(|made| made.algorithm.clone()).collect();
        self.left_out = signing.left_out().map(|error| format!("no DomainKeys signature: {error}"));
    }

    fn fields(&self) -> Vec<(&'static str, String)> {
        let author = self.author.as_ref().map(|author| (author.field.log_name(), author.address.as_str()));
        let mut fields: Vec<(&'static str, String)> = [
            self.message_id.as_deref().map(|id| ("message-id", id)),
            self.signer.as_deref().map(|s| ("signer", s)),
            author,
        ]
        .into_iter()
        .flatten()
        .map(|(name, value)| (name, value.to_owned()))
        .collect();
        fields.extend(self.rule.clone().map(|rule| ("rule", rule)));
        if !self.keys.is_empty() {
            fields.push(("key", self.keys.join("+")));
            fields.push(("a", self.algorithms.join("+")));
        }
        fields.extend(self.left_out.clone().map(|reason| ("reason", reason)));
        fields
    }
}

fn begins_with_blank(header: &Header) -> bool {
    matches!(header.as_bytes().first(), Some(b' ' | b'\t'))
}

/// A log line has no use for more.
const MAX_LOGGED_ID: usize = 250;

/// What stands between "<" and ">" in Message-ID.
fn message_id(header: &Header) -> Option<String> {
    let body = header.named("Message-ID").next_back()?.body().trim_ascii();
    let id = body.strip_prefix(b"<")?.strip_suffix(b">")?;
    Some(String::from_utf8_lossy(id.get(..MAX_LOGGED_ID).unwrap_or(id)).into_owned())
}

fn seconds_since_epoch() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
