//! The one line per message.

use super::escape::{escape, escape_head};
use crate::filter::{Client, Decision, Reply, Transaction};
use serde_json::{Map, Value};
use std::{fmt, time::Duration};

/// The target of the events made here, by which the log knows them.
pub(super) const TARGET: &str = "dkimproxy::message";

/// What became of a message.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// Who brought it.
    pub client: &'a Client,
    /// Its envelope.
    pub transaction: &'a Transaction,
    /// The answer to its end of data.
    pub reply: &'a Reply,
    /// True if the reply is the relay's, false if it is our own.
    pub relayed: bool,
    /// Octets as received, dots decoded.
    pub size: u64,
    /// From the DATA command to the reply.
    pub elapsed: Duration,
}

/// Logs what became of a message, on one line: the head and the fields of the decision, as 1.4.1 wrote them
/// (`DKIM signing - signed; message-id=<..>, signer=<..>, from=<..>`), then what is known beyond them.
pub fn message(decision: &Decision, delivery: &Delivery<'_>) {
    let line = Line { decision, delivery };
    let (text, json) = (tracing::field::display(Text(&line)), tracing::field::display(Json(&line)));
    if decision.warn {
        tracing::warn!(target: TARGET, message = text, json);
    } else {
        tracing::info!(target: TARGET, message = text, json);
    }
}

struct Line<'a> {
    decision: &'a Decision,
    delivery: &'a Delivery<'a>,
}

impl Line<'_> {
    /// All fields: name and raw value.
    fn fields(&self) -> Vec<(&'static str, Vec<u8>)> {
        let decided = self.decision.fields.iter().map(|(name, value)| (*name, value.clone().into_bytes()));
        decided.chain(self.known()).collect()
    }

    /// What is known beyond the decision.
    fn known(&self) -> Vec<(&'static str, Vec<u8>)> {
        let delivery = self.delivery;
        let original = &delivery.transaction.original_client;
        let client = delivery.client.addr.map_or_else(|| "unix".to_owned(), |addr| addr.to_canonical().to_string());
        let mut fields = vec![("client", client.into_bytes())];
        if let Some(ident) = &original.ident {
            fields.push(("queue-id", ident.clone().into_bytes()));
        }
        if let Some(addr) = original.addr {
            fields.push(("original-client", addr.to_string().into_bytes()));
        }
        fields.push((if delivery.relayed { "relay" } else { "refused" }, first_line(delivery.reply)));
        fields.push(("size", delivery.size.to_string().into_bytes()));
        fields.push(("time", format!("{}ms", delivery.elapsed.as_millis()).into_bytes()));
        fields
    }
}

/// Code and text of a reply's first line.
fn first_line(reply: &Reply) -> Vec<u8> {
    let mut text = reply.code().to_string().into_bytes();
    if let Some(line) = reply.lines().next() {
        text.push(b' ');
        text.extend_from_slice(line);
    }
    text
}

/// How a value is enclosed: in brackets where 1.4.1 had them, in quotes where it has blanks by nature.
fn brackets(name: &str) -> (&'static str, &'static str) {
    match name {
        "message-id" | "signer" | "from" | "sender" => ("<", ">"),
        "relay" | "refused" | "reason" => ("\"", "\""),
        _ => ("", ""),
    }
}

struct Text<'a>(&'a Line<'a>);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};", escape_head(self.0.decision.summary.as_bytes()))?;
        for (index, (name, value)) in self.0.fields().iter().enumerate() {
            let separator = if index == 0 { " " } else { ", " };
            let (open, close) = brackets(name);
            write!(f, "{separator}{name}={open}{}{close}", escape(value))?;
        }
        Ok(())
    }
}

struct Json<'a>(&'a Line<'a>);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut object = Map::new();
        object.insert("summary".into(), escape_head(self.0.decision.summary.as_bytes()).to_string().into());
        for (name, value) in self.0.fields() {
            // A name that comes twice (two signers) becomes a list.
            let value: Value = escape(&value).to_string().into();
            match object.get_mut(name) {
                None => drop(object.insert(name.into(), value)),
                Some(Value::Array(values)) => values.push(value),
                Some(first) => *first = Value::Array(vec![first.take(), value]),
            }
        }
        write!(f, "{}", Value::Object(object))
    }
}
