//! Macros in d= and i=: `$sender`, `$senderdomain`, `$key`, `$keydomain`, and `$$` for a dollar sign.
//!
//! 1.4.1 replaced the first macro of a value only; here every one of them counts.

use thiserror::Error;

/// A value of d= or i=, its macros recognized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// The value holds a macro that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"${0}\" is no macro; $sender, $senderdomain, $key and $keydomain are, and $$ is a dollar sign")]
pub struct UnknownMacro(pub String);

/// What macros stand for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    /// `$sender`: the address the rule was chosen by. None: not known (before a message is there, or none in it).
    pub sender: Option<&'a str>,
    /// `$senderdomain`: its domain.
    pub sender_domain: Option<&'a str>,
}

impl Template {
    /// Recognizes the macros of a value.
    pub fn parse(value: &str) -> Result<Self, UnknownMacro> {
        let mut parts = Vec::new();
        let mut rest = value;
        while let Some((text, after)) = rest.split_once('$') {
            push_text(&mut parts, text);
            rest = if let Some(after) = after.strip_prefix('$') {
                push_text(&mut parts, "$");
                after
            } else {
                let (name, after) = split_word(after);
                parts.push(Part::Macro(Macro::named(name)?));
                after
            };
        }
        push_text(&mut parts, rest);
        Ok(Self(parts))
    }

    /// Puts the key in. Without one (the catch-all, or no map at all) `$key` is what such a rule signs for: the domain
    /// of the sender.
    #[must_use]
    pub fn with_key(self, key: Option<&str>) -> Self {
        let mut parts = Vec::with_capacity(self.0.len());
        for part in self.0 {
            match (part, key) {
                (Part::Macro(Macro::Key), Some(key)) => push_text(&mut parts, key),
                (Part::Macro(Macro::Key), None) => parts.push(Part::Macro(Macro::SenderDomain)),
                (Part::Text(text), _) => push_text(&mut parts, &text),
                (part, _) => parts.push(part),
            }
        }
        Self(parts)
    }

    /// True if the value depends on the message.
    pub fn needs_sender(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Macro(Macro::Sender | Macro::SenderDomain)))
    }

    /// The value with its macros replaced. None if one of them stands for nothing (the key: see [`Template::with_key`]).
    pub fn expand(&self, values: &Values<'_>) -> Option<String> {
        self.0
            .iter()
            .map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Macro(Macro::Sender) => values.sender,
                Part::Macro(Macro::SenderDomain) => values.sender_domain,
                Part::Macro(Macro::Key) => None,
            })
            .collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Macro(Macro),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Macro {
    Sender,
    SenderDomain,
    /// `$key` and `$keydomain` are the same: 1.4.1 had cut the local part off the key before it came to macros.
    Key,
}

impl Macro {
    fn named(name: &str) -> Result<Self, UnknownMacro> {
        match name {
            "sender" => Ok(Self::Sender),
            "senderdomain" => Ok(Self::SenderDomain),
            "key" | "keydomain" => Ok(Self::Key),
            _ => Err(UnknownMacro(name.to_owned())),
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        Some(Part::Text(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => parts.push(Part::Text(text.to_owned())),
    }
}

/// A macro's name is as long as letters, digits and "_" go on.
fn split_word(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_macro_is_replaced() {
        let values = Values { sender: Some("a@b.example"), sender_domain: Some("b.example") };
        for (template, expected) in [
            ("example.org", "example.org"),
            ("$sender", "a@b.example"),
            ("@$senderdomain", "@b.example"),
            ("mail.$key", "mail.example"),
            ("$keydomain", "example"),
            ("$senderdomain$senderdomain", "b.exampleb.example"),
            ("list-$sender", "list-a@b.example"),
            ("x$$y@mkd.example", "x$y@mkd.example"),
            ("$$sender", "$sender"),
            ("$$$sender", "$a@b.example"),
            ("", ""),
        ] {
            let bound = Template::parse(template).unwrap().with_key(Some("example"));
            assert_eq!(bound.expand(&values).as_deref(), Some(expected), "{template}");
        }
        let catch_all = Template::parse("mail.$key").unwrap().with_key(None);
        assert_eq!(catch_all.expand(&values).as_deref(), Some("mail.b.example"));
    }

    #[test]
    fn unknown_macros_are_named() {
        assert_eq!(Template::parse("a$foo.b"), Err(UnknownMacro("foo".into())));
        assert_eq!(Template::parse("a$"), Err(UnknownMacro(String::new())));
    }

    #[test]
    fn a_macro_without_value_yields_none() {
        assert_eq!(Template::parse("$sender").unwrap().expand(&Values::default()), None);
        assert!(Template::parse("@$senderdomain").unwrap().needs_sender());
        assert!(!Template::parse("$key").unwrap().needs_sender());
    }
}
