use super::{Answer, LookupError, MailExchanger, Resolver, reverse_name};
use serde_json::{Map, Value};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
    time::Duration,
};
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
        self.names.insert(key(name), Node { other: Some(error), ..Node::default() });
        self
    }

    /// Reads a JSON object: each name maps to
    ///
    /// * a list of TXT strings (an empty list: the name exists, without data), or
    /// * `"timeout"`, `"servfail"` or `"nxdomain"`: how every lookup of that name ends, or
    /// * an object by record type, each value a list or one of the three words: `{"TXT": [string], "A": [address],
    ///   "AAAA": [address], "MX": [[preference, host]], "PTR": [host], "CNAME": [host], "*": "timeout"}`, `"*"` for all
    ///   types that are not listed; without it they have no data.
    ///
    /// Each character U+0000 to U+00FF of a TXT string is one octet; a character beyond stands for its UTF-8 octets.
    pub fn from_json(text: &str) -> Result<Self, ZoneError> {
        let object: Map<String, Value> = serde_json::from_str(text)?;
        let mut names = HashMap::with_capacity(object.len());
        for (name, value) in &object {
            let node = Node::from_json(value).ok_or_else(|| ZoneError::Answer { name: name.clone() })?;
            names.insert(key(name), node);
        }
        Ok(Self { names })
    }

    /// The records of one type at `name`, CNAME records followed.
    fn lookup<T: Clone>(&self, name: &str, data: fn(&Node) -> &Option<Data<T>>) -> Result<Answer<T>, LookupError> {
        let mut name = key(name);
        for _ in 0..=MAX_CNAMES {
            let node = self.names.get(&name).ok_or(LookupError::NoName { ttl: TTL })?;
            match (data(node), &node.alias, node.other) {
                (None, Some(target), _) => name.clone_from(target),
                (Some(data), _, _) => return data.answer(),
                (None, None, Some(error)) => return Err(error),
                (None, None, None) => return Err(LookupError::NoData { ttl: TTL }),
            }
        }
        Err(LookupError::ServerFailure)
    }
}

impl Resolver for Zone {
    async fn txt(&self, name: &str) -> Result<Answer<Vec<u8>>, LookupError> {
        self.lookup(name, |node| &node.txt)
    }

    async fn a(&self, name: &str) -> Result<Answer<Ipv4Addr>, LookupError> {
        self.lookup(name, |node| &node.a)
    }

    async fn aaaa(&self, name: &str) -> Result<Answer<Ipv6Addr>, LookupError> {
        self.lookup(name, |node| &node.aaaa)
    }

    async fn mx(&self, name: &str) -> Result<Answer<MailExchanger>, LookupError> {
        self.lookup(name, |node| &node.mx)
    }

    async fn ptr(&self, address: IpAddr) -> Result<Answer<String>, LookupError> {
        self.lookup(&reverse_name(address), |node| &node.ptr)
    }
}

/// What a name holds.
#[derive(Debug, Clone, Default)]
struct Node {
    txt: Option<Data<Vec<u8>>>,
    a: Option<Data<Ipv4Addr>>,
    aaaa: Option<Data<Ipv6Addr>>,
    mx: Option<Data<MailExchanger>>,
    ptr: Option<Data<String>>,
    /// Target of the CNAME record.
    alias: Option<String>,
    /// How asking for every type not listed fails. None: there is no such record.
    other: Option<LookupError>,
}

impl Node {
    /// None: the form is unknown.
    fn from_json(value: &Value) -> Option<Self> {
        match value {
            Value::Object(types) => Self::from_types(types),
            Value::String(word) => Some(Self { other: Some(failure(word)?), ..Self::default() }),
            other => Some(Self { txt: Some(Data::from_json(other, octets)?), ..Self::default() }),
        }
    }

    fn from_types(types: &Map<String, Value>) -> Option<Self> {
        let mut node = Self::default();
        for (name, value) in types {
            match name.to_ascii_uppercase().as_str() {
                "TXT" => node.txt = Some(Data::from_json(value, octets)?),
                "A" => node.a = Some(Data::from_json(value, parsed)?),
                "AAAA" => node.aaaa = Some(Data::from_json(value, parsed)?),
                "MX" => node.mx = Some(Data::from_json(value, mail_exchanger)?),
                "PTR" => node.ptr = Some(Data::from_json(value, host)?),
                "CNAME" => node.alias = value.as_array()?.first().and_then(Value::as_str).map(key),
                "*" => node.other = other(value)?,
                // Some suites write a failure of all types as a type of its own.
                "TIMEOUT" => node.other = Some(LookupError::Timeout),
                "SERVFAIL" => node.other = Some(LookupError::ServerFailure),
                // Of no use to any lookup here, but the name exists.
                _ => {}
            }
        }
        Some(node)
    }
}

/// The records of one type at one name, or how asking for them fails.
#[derive(Debug, Clone)]
enum Data<T> {
    Records(Vec<T>),
    Failure(LookupError),
}

impl<T: Clone> Data<T> {
    /// None: the form is unknown.
    fn from_json(value: &Value, read: fn(&Value) -> Option<T>) -> Option<Self> {
        match value {
            Value::String(word) => failure(word).map(Self::Failure),
            Value::Array(records) => records.iter().map(read).collect::<Option<_>>().map(Self::Records),
            _ => None,
        }
    }

    fn answer(&self) -> Result<Answer<T>, LookupError> {
        match self {
            Self::Failure(error) => Err(*error),
            Self::Records(records) if records.is_empty() => Err(LookupError::NoData { ttl: TTL }),
            Self::Records(records) => Ok(Answer { records: records.clone(), ttl: TTL }),
        }
    }
}

/// The value of `"*"`: a failure, or an empty list. None: the form is unknown.
fn other(value: &Value) -> Option<Option<LookupError>> {
    match value {
        Value::String(word) => failure(word).map(Some),
        Value::Array(records) if records.is_empty() => Some(None),
        _ => None,
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
fn octets(value: &Value) -> Option<Vec<u8>> {
    let text = value.as_str()?;
    let octets = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect::<Option<Vec<u8>>>();
    Some(octets.unwrap_or_else(|| text.as_bytes().to_vec()))
}

fn parsed<T: FromStr>(value: &Value) -> Option<T> {
    value.as_str()?.parse().ok()
}

fn mail_exchanger(value: &Value) -> Option<MailExchanger> {
    let [preference, exchanger] = value.as_array()?.as_slice() else { return None };
    Some(MailExchanger { preference: preference.as_u64()?.try_into().ok()?, exchanger: host(exchanger)? })
}

fn host(value: &Value) -> Option<String> {
    value.as_str().map(|name| name.strip_suffix('.').unwrap_or(name).to_owned())
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
            assert_eq!(zone.lookup(name, |node| &node.txt).map(|answer| answer.records), expected, "{name}");
        }
    }

    #[test]
    fn every_type_of_record() {
        let zone = Zone::from_json(
            r#"{
            "a.example": {"A": ["192.0.2.1"], "AAAA": ["2001:db8::1"], "MX": [[10, "mx.example."]], "TXT": "timeout"},
            "alias.example": {"CNAME": ["a.example"]},
            "1.2.0.192.in-addr.arpa": {"PTR": ["a.example."]},
            "slow.example": "timeout",
            "txt.example": ["x"]
        }"#,
        )
        .unwrap();
        let address = Ipv4Addr::new(192, 0, 2, 1);
        let mx = MailExchanger { preference: 10, exchanger: "mx.example".into() };
        for name in ["a.example", "alias.example"] {
            assert_eq!(zone.lookup(name, |node| &node.a).unwrap().records, [address]);
            assert_eq!(
                zone.lookup(name, |node| &node.aaaa).unwrap().records,
                ["2001:db8::1".parse::<Ipv6Addr>().unwrap()]
            );
            assert_eq!(zone.lookup(name, |node| &node.mx).unwrap().records, std::slice::from_ref(&mx));
            assert_eq!(zone.lookup(name, |node| &node.txt), Err(LookupError::Timeout));
        }
        assert_eq!(zone.lookup(&reverse_name(address.into()), |node| &node.ptr).unwrap().records, ["a.example"]);
        assert_eq!(zone.lookup("slow.example", |node| &node.a), Err(LookupError::Timeout));
        assert_eq!(zone.lookup("txt.example", |node| &node.mx), Err(LookupError::NoData { ttl: TTL }));
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
        assert_eq!(octets(&"п".into()).unwrap(), "п".as_bytes());
        assert_eq!(octets(&"é".into()).unwrap(), b"\xe9");
    }
}
