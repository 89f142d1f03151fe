//! An event as a line.

use super::{Format, escape::escape_line, message};
use serde_json::{Map, Value};
use std::{
    fmt::{self, Write},
    time::{SystemTime, UNIX_EPOCH},
};
use tracing::{
    Event,
    field::{Field, Visit},
};

/// The text of an event, without name, time or line end; nothing in it can split the line.
pub(super) fn render(event: &Event<'_>, format: Format, ident: &str) -> String {
    let mut parts = Parts { structured: format == Format::Json, ..Parts::default() };
    event.record(&mut parts);
    match format {
        Format::Text => text(event, parts),
        Format::Json => json(event, parts, ident).to_string(),
    }
}

fn text(event: &Event<'_>, parts: Parts) -> String {
    if event.metadata().target() == message::TARGET {
        return parts.message; // its fields are escaped one by one
    }
    let mut line = parts.message;
    for (name, value) in parts.fields {
        let separator = if line.is_empty() { "" } else { ", " };
        let _ = write!(line, "{separator}{name}={value}"); // a String takes all
    }
    escape_line(line.as_bytes()).to_string()
}

fn json(event: &Event<'_>, parts: Parts, ident: &str) -> Value {
    let mut object = Map::new();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    object.insert("time".into(), since.as_secs_f64().into());
    object.insert("program".into(), ident.into());
    object.insert("level".into(), event.metadata().level().as_str().to_ascii_lowercase().into());
    match parts.object {
        Some(Value::Object(fields)) if event.metadata().target() == message::TARGET => {
            // "time" above is when; how long it took is another word here.
            object.extend(
                fields.into_iter().map(|(name, value)| (if name == "time" { "elapsed".into() } else { name }, value)),
            );
        }
        _ => {
            object.insert("message".into(), parts.message.into());
            object.extend(parts.fields.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        }
    }
    Value::Object(object)
}

/// What an event carries.
#[derive(Default)]
struct Parts {
    message: String,
    fields: Vec<(&'static str, String)>,
    /// Read only if `structured`: a text has no use for it.
    object: Option<Value>,
    structured: bool,
}

impl Visit for Parts {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "json" if self.structured => self.object = serde_json::from_str(&format!("{value:?}")).ok(),
            "json" => {}
            name => self.fields.push((name, format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            name => self.fields.push((name, value.to_owned())),
        }
    }
}
