use super::{Answer, LookupError, Resolver};
use serde_json::Value;
use std::{collections::HashMap, time::Duration};
use thiserror::Error;

/// How long every answer of a zone may be remembered.
const TTL: Duration = Duration::from_secs(3600);

/// A chain of CNAME records longer than this is a server failure, as it is to a resolver.
const MAX_CNAMES: usize = 12;

/// DNS in memory: for tests, and for verifying without a network.
///
/// Names compare case-insensitively, a trailing dot is ignored. A name that is absent does not exist (NXDOMAIN).
#[derive(Debug, Clone, Default)]
pub struct Zone {
    names: HashMap<String, Node>,
}

/// Why a text is no zone.
#[derive(Debug, Error)]
pub enum ZoneError {
    /// Not JSON, or not an object.
    #[error("a zone is a JSON object that maps names to answers: {0}")]
    Json(#[from] serde_json::Error),
    /// The answers for this name have an unknown form.
    #[error("{name}: expected a list of strings, \"timeout\", \"servfail\", \"nxdomain\" or an object by record type")]
    Answer {
        /// The name.
        name: String,
    },
}

impl Zone {
    /// An empty zone: no name exists.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name with these TXT records (none: the name exists, without data), replacing what was there.
    pub fn with_txt<T: Into<Vec<u8>>>(mut self, name: &str, records: impl IntoIterator<Item = T>) -> Self {
        let records = records.into_iter().map(Into::into).collect();
        let node = Node { txt: Some(Data::Records(records)), ..Node::default() };
        self.names.insert(key(name), node);
        self
    }

    /// Adds a name whose every lookup fails so, replacing what was there.
    pub fn with_failure(mut self, name: &str, error: LookupError) -> Self {
        self.names.insert(key(name), Node::failing(error));
        self
    }

    /// Reads a JSON object: each name maps to
    ///
    /// * a list of TXT strings (an empty list: the name exists, without data), or
    /// * `"timeout"`, `"servfail"` or `"nxdomain"`: how every lookup of that name ends, or
    /// * an object by record type: `{"TXT": [..], "A": [..], "CNAME": [host], "*": "timeout"}`, each value in one of
    ///   the forms above, `"*"` for all types that are not listed; without it they have no data.
    ///
    /// Each character U+0000 to U+00FF of a string is one octet; a character beyond stands for its UTF-8 octets.
    pub fn from_json(text: &str) -> Result<Self, ZoneError> {
        let object: serde_json::Map<String, Value> = serde_json::from_str(text)?;
        let mut names = HashMap::with_capacity(object.len());
        for (name, value) in &object {
            let node = Node::from_json(value).ok_or_else(|| ZoneError::Answer { name: name.clone() })?;
            names.insert(key(name), node);
        }
        Ok(Self { names })
    }

    /// The TXT records of `name`, CNAME records followed.
    fn lookup_txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        let mut name = key(name);
        for _ in 0..=MAX_CNAMES {
            let node = self.names.get(&name).ok_or(LookupError::NoName { ttl: TTL })?;
            match (&node.txt, &node.alias) {
                (None, Some(target)) => name.clone_from(target),
                (Some(data), _) => return data.answer(),
                (None, None) => return node.other.answer(),
            }
        }
        Err(LookupError::ServerFailure)
    }
}

impl Resolver for Zone {
    async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        self.lookup_txt(name)
    }
}

/// What a name holds.
#[derive(Debug, Clone, Default)]
struct Node {
    txt: Option<Data>,
    /// Target of the CNAME record.
    alias: Option<String>,
    /// Every type not listed.
    other: Data,
}

impl Node {
    fn failing(error: LookupError) -> Self {
        Self { other: Data::Failure(error), ..Self::default() }
    }

    /// None: the form is unknown.
    fn from_json(value: &Value) -> Option<Self> {
        let Value::Object(types) = value else {
            return Some(Self { txt: Some(Data::from_json(value)?), ..Self::default() });
        };
        let mut node = Self::default();
        for (name, value) in types {
            match name.to_ascii_uppercase().as_str() {
                "TXT" => node.txt = Some(Data::from_json(value)?),
                "*" => node.other = Data::from_json(value)?,
                // Some suites write a failure of all types as a type of its own.
                "TIMEOUT" => node.other = Data::Failure(LookupError::Timeout),
                "SERVFAIL" => node.other = Data::Failure(LookupError::ServerFailure),
                "CNAME" => node.alias = value.as_array()?.first().and_then(Value::as_str).map(key),
                // Of no use to any lookup here, but the name exists.
                _ => {}
            }
        }
        Some(node)
    }
}

/// The records of one type at one name, or how asking for them fails.
#[derive(Debug, Clone)]
enum Data {
    Records(Vec<Vec<u8>>),
    Failure(LookupError),
}

impl Default for Data {
    fn default() -> Self {
        Self::Records(Vec::new())
    }
}

impl Data {
    /// None: the form is unknown.
    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::String(word) => failure(word).map(Self::Failure),
            Value::Array(records) => {
                records.iter().map(|record| record.as_str().map(octets)).collect::<Option<_>>().map(Self::Records)
            }
            _ => None,
        }
    }

    fn answer(&self) -> Result<Answer<Vec<u8>>, LookupError> {
        match self {
            Self::Failure(error) => Err(*error),
            Self::Records(records) if records.is_empty() => Err(LookupError::NoData { ttl: TTL }),
            Self::Records(records) => Ok(Answer { records: records.clone(), ttl: TTL }),
        }
    }
}

fn failure(word: &str) -> Option<LookupError> {
    match word.to_ascii_lowercase().as_str() {
        "timeout" => Some(LookupError::Timeout),
        "servfail" => Some(LookupError::ServerFailure),
        "nxdomain" => Some(LookupError::NoName { ttl: TTL }),
        _ => None,
    }
}

/// Each character up to U+00FF is one octet. If there is one beyond, the string was meant as text: UTF-8.
fn octets(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).ok())
        .collect::<Option<Vec<u8>>>()
        .unwrap_or_else(|| text.as_bytes().to_vec())
}

/// Names compare without regard to case and trailing dot.
fn key(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{
        "plain.example": ["one", "two"],
        "Upper.Example.": ["up"],
        "empty.example": [],
        "slow.example": "timeout",
        "broken.example": "servfail",
        "gone.example": "nxdomain",
        "typed.example": {"TXT": ["t"], "*": "timeout"},
        "other.example": {"A": ["192.0.2.1"]},
        "failing.example": {"A": ["192.0.2.1"], "*": "servfail"},
        "typedgone.example": {"TXT": "nxdomain"},
        "upper-timeout.example": {"TIMEOUT": ["True"]},
        "nothing.example": {},
        "alias.example": {"CNAME": ["ALIAS2.example."]},
        "alias2.example": {"CNAME": ["plain.example"]},
        "dangling.example": {"CNAME": ["absent.example"]},
        "loop.example": {"CNAME": ["loop.example"]},
        "octets.example": ["a\u00ff\u0000"]
    }"#;

    #[test]
    fn every_form_of_answer() {
        let zone = Zone::from_json(JSON).unwrap();
        let records = |list: &[&[u8]]| Ok(list.iter().map(|r| r.to_vec()).collect::<Vec<_>>());
        let no_name = || Err(LookupError::NoName { ttl: TTL });
        let no_data = || Err(LookupError::NoData { ttl: TTL });
        let table = [
            ("plain.example", records(&[b"one", b"two"])),
            ("PLAIN.example.", records(&[b"one", b"two"])),
            ("upper.example", records(&[b"up"])),
            ("empty.example", no_data()),
            ("slow.example", Err(LookupError::Timeout)),
            ("broken.example", Err(LookupError::ServerFailure)),
            ("gone.example", no_name()),
            ("absent.example", no_name()),
            ("typed.example", records(&[b"t"])),
            ("other.example", no_data()),
            ("failing.example", Err(LookupError::ServerFailure)),
            ("typedgone.example", no_name()),
            ("upper-timeout.example", Err(LookupError::Timeout)),
            ("nothing.example", no_data()),
            ("alias.example", records(&[b"one", b"two"])),
            ("dangling.example", no_name()),
            ("loop.example", Err(LookupError::ServerFailure)),
            ("octets.example", records(&[b"a\xff\0"])),
        ];
        for (name, expected) in table {
            assert_eq!(zone.lookup_txt(name).map(|answer| answer.records), expected, "{name}");
        }
    }

    #[test]
    fn a_form_that_is_unknown_is_refused_with_its_name() {
        for text in [r#"{"a.example": 5}"#, r#"{"a.example": "maybe"}"#, r#"{"a.example": {"TXT": [1]}}"#] {
            let error = Zone::from_json(text).unwrap_err();
            assert!(error.to_string().starts_with("a.example: "), "{error}");
        }
        assert!(matches!(Zone::from_json("[]"), Err(ZoneError::Json(_))));
    }

    #[test]
    fn text_beyond_latin_1_is_utf_8() {
        assert_eq!(octets("п"), "п".as_bytes());
        assert_eq!(octets("é"), b"\xe9");
    }
}
