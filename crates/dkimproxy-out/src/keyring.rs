//! Rules and keys: from the author of a message to the signatures it gets.
//!
//! In this order, the first that answers counts:
//!
//! 1. `listid_map`, by the List-Id field;
//! 2. `sender_map`, by the author's address;
//! 3. the options `domain` and `signature`: with one domain (or none) for all mail, with several for authors in them.
//!
//! Everything is read and checked once, at start and at reload; after that a [`Keyring`] is immutable and shared.

mod build;
mod key_file;
mod lookup;
mod map;
mod map_key;
mod rule;
mod signature;
mod template;

#[doc(hidden)]
pub mod fuzz;
#[cfg(test)]
mod tests;

use crate::{
    author::{Author, AuthorField, authors},
    report::{Place, Report},
    signing::Request,
};
use build::{Builder, Implied};
use dkimproxy_core::{domain::DomainName, header::Header, key::SigningKey};
use dkimproxy_daemon::config::{Origin, value};
use key_file::KeyFiles;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use build::Defaults;
pub use lookup::Table;
pub use map_key::domain_key;
pub use rule::{Rule, Unsignable};
pub use signature::{GrammarError, Item, LOOKS, Look};
pub use template::Template;

/// Where rules come from, as written.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The option `sender_map`.
    pub sender_map: Option<(PathBuf, Place)>,
    /// The option `listid_map`.
    pub listid_map: Option<(PathBuf, Place)>,
    /// The option `domain`, cut at its commas.
    pub domains: Vec<String>,
    /// Where `domain` stands.
    pub domain_place: Place,
    /// The options `signature`, in order.
    pub signatures: Vec<(Item, Place)>,
    /// What signatures inherit.
    pub defaults: Defaults,
    /// The option `sign_for`.
    pub sign_for: Vec<AuthorField>,
}

/// All rules and keys, read and checked.
#[derive(Debug)]
pub struct Keyring {
    lists: Option<ListTable>,
    senders: Option<Table>,
    fallback: Fallback,
    sign_for: Vec<AuthorField>,
    keys: Vec<KeyInfo>,
}

/// A key file in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// Its path.
    pub path: PathBuf,
    /// `rsa-sha256, 2048 bits`
    pub kind: String,
}

/// The options `domain` and `signature`.
#[derive(Debug)]
enum Fallback {
    Nothing,
    Everyone(Rule),
    Domains(Table),
}

/// Rules by List-Id. Where the whole List-Id is the key, the implied domain is the key without its first label (a list
/// is named `list.domain`), else it is the key.
#[derive(Debug, Default)]
struct ListTable {
    whole: Table,
    below: Table,
}

/// What was decided about one message.
#[derive(Debug)]
pub struct Choice<'a> {
    /// The author the rule was chosen by; without a rule, the first that the message names.
    pub author: Option<Author>,
    /// The rule that covers the message. None: no rule does.
    pub matched: Option<Matched<'a>>,
}

/// A rule that covers a message.
#[derive(Debug, Clone, Copy)]
pub struct Matched<'a> {
    source: Source,
    key: &'a str,
    /// The rule.
    pub rule: &'a Rule,
}

#[derive(Debug, Clone, Copy)]
enum Source {
    ListIdMap,
    SenderMap,
    Domain,
    Signature,
}

impl Keyring {
    /// Reads maps and keys and checks all of it. What is wrong is in `report`, which the caller asks whether it may
    /// go on.
    pub fn load(sources: &Sources, report: &mut Report) -> Self {
        let mut keys = KeyFiles::default();
        let mut loader = Loader { defaults: &sources.defaults, keys: &mut keys, report };
        let lists = sources.listid_map.as_ref().map(|(path, place)| loader.lists(path, place));
        let senders = sources.sender_map.as_ref().map(|(path, place)| loader.senders(path, place));
        let fallback = loader.fallback(sources);
        let keys = keys.loaded().map(KeyInfo::new).collect();
        Self { lists, senders, fallback, sign_for: sources.sign_for.clone(), keys }
    }

    /// The rule that covers a message, if any. The cost does not depend on the number of rules.
    pub fn choose(&self, header: &Header) -> Choice<'_> {
        let mut authors = authors(header, &self.sign_for);
        let (matched, by) = self.matched(header, &authors);
        let author = if by < authors.len() { Some(authors.swap_remove(by)) } else { None };
        Choice { author, matched }
    }

    /// The key files in use.
    pub fn keys(&self) -> &[KeyInfo] {
        &self.keys
    }

    /// What was loaded, for `check`: how many rules each source gave (`sender_map: 3 rules`), what the first of them mean,
    /// and which keys there are.
    pub fn describe(&self) -> Vec<String> {
        let lists = self.lists.iter().flat_map(|table| describe(Source::ListIdMap, &table.below));
        let senders = self.senders.iter().flat_map(|table| describe(Source::SenderMap, table));
        let fallback = match &self.fallback {
            Fallback::Nothing => Vec::new(),
            Fallback::Everyone(rule) => vec![format!("{}: {rule}", Source::Signature)],
            Fallback::Domains(table) => describe(Source::Domain, table),
        };
        let keys = self.keys.iter().map(|key| format!("key {}: {}", key.path.display(), key.kind));
        self.summary().into_iter().chain(lists).chain(senders).chain(fallback).chain(keys).collect()
    }

    /// How many rules each source gave: `sender_map: 3 rules`.
    pub fn summary(&self) -> Vec<String> {
        let count = |source, n| format!("{source}: {n} {}", if n == 1 { "rule" } else { "rules" });
        let lists = self.lists.iter().map(|table| count(Source::ListIdMap, table.below.len()));
        let senders = self.senders.iter().map(|table| count(Source::SenderMap, table.len()));
        let fallback = match &self.fallback {
            Fallback::Nothing => None,
            Fallback::Everyone(_) => Some("signature: all mail that no map covers".to_owned()),
            Fallback::Domains(table) => Some(count(Source::Domain, table.len())),
        };
        lists.chain(senders).chain(fallback).collect()
    }

    /// The rule, and the index of the author it was chosen by.
    fn matched(&self, header: &Header, authors: &[Author]) -> (Option<Matched<'_>>, usize) {
        if let Some((key, rule)) = self.lists.as_ref().and_then(|lists| lists.find(header)) {
            return (Some(Matched { source: Source::ListIdMap, key, rule }), 0);
        }
        // A rule for somebody goes before the rule for everybody, whichever field names that somebody.
        if let Some(senders) = &self.senders {
            let found = find_author(senders, authors).or_else(|| Some((senders.catch_all()?, 0)));
            if let Some(((key, rule), by)) = found {
                return (Some(Matched { source: Source::SenderMap, key, rule }), by);
            }
        }
        match &self.fallback {
            Fallback::Nothing => (None, 0),
            Fallback::Everyone(rule) => (Some(Matched { source: Source::Signature, key: "", rule }), 0),
            Fallback::Domains(table) => match find_author(table, authors) {
                Some(((key, rule), by)) => (Some(Matched { source: Source::Domain, key, rule }), by),
                None => (None, 0),
            },
        }
    }
}

impl Matched<'_> {
    /// What the core is to be asked for; all of the rule's signatures or none. Empty: the rule wants none.
    pub fn requests(&self, author: Option<&Author>) -> Result<Vec<Request>, Unsignable> {
        match self.rule {
            Rule::Sign(signatures) => signatures.iter().map(|signature| signature.request(author)).collect(),
            Rule::LeaveUnsigned => Ok(Vec::new()),
            Rule::Incomplete => Err(Unsignable::Incomplete),
        }
    }
}

impl fmt::Display for Matched<'_> {
    /// `sender_map:example.org`, as the log names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.source)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, ":{}", self.key) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ListIdMap => "listid_map",
            Self::SenderMap => "sender_map",
            Self::Domain => "domain",
            Self::Signature => "signature",
        })
    }
}

impl KeyInfo {
    fn new((path, key): (&Path, &Arc<SigningKey>)) -> Self {
        Self { path: path.to_owned(), kind: format!("{}, {} bits", key.algorithm(), key.bits()) }
    }
}

/// Nobody reads more lines than this about one map.
const DESCRIBED: usize = 100;

fn describe(source: Source, table: &Table) -> Vec<String> {
    let rules = table.sorted();
    let more = rules.len().saturating_sub(DESCRIBED);
    let mut lines: Vec<String> =
        rules.iter().take(DESCRIBED).map(|(key, rule)| format!("{source} {key}: {rule}")).collect();
    lines.extend((more > 0).then(|| format!("{source}: {more} more")));
    lines
}

fn find_author<'a>(table: &'a Table, authors: &[Author]) -> Option<((&'a str, &'a Rule), usize)> {
    authors.iter().enumerate().find_map(|(by, author)| Some((table.find(&author.key)?, by)))
}

impl ListTable {
    fn find(&self, header: &Header) -> Option<(&str, &Rule)> {
        let field = header.named("List-Id").next_back()?;
        let id = list_id(field.body());
        self.whole.get(&id).or_else(|| self.below.find(&id)).or_else(|| self.below.catch_all())
    }
}

/// What stands between "<" and ">" (RFC 2919 section 3), else all of it; lower-case, as keys are.
fn list_id(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let inner = text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(inner, _)| inner);
    inner.unwrap_or(&text).trim().to_lowercase()
}

/// Reads the sources into tables.
struct Loader<'a> {
    defaults: &'a Defaults,
    keys: &'a mut KeyFiles,
    report: &'a mut Report,
}

impl Loader<'_> {
    fn senders(&mut self, path: &Path, place: &Place) -> Table {
        let mut table = Table::default();
        for (key, items, place) in self.map(path, place) {
            let implied = map_key::implied_domain(&key).map_or(Implied::AuthorDomain, Implied::Domain);
            self.add(&mut table, &key, &items, implied, &place);
        }
        table
    }

    fn lists(&mut self, path: &Path, place: &Place) -> ListTable {
        let mut table = ListTable::default();
        for (key, items, place) in self.map(path, place) {
            let Some(domain) = map_key::implied_domain(&key) else {
                self.add(&mut table.below, &key, &items, Implied::AuthorDomain, &place);
                continue;
            };
            // `example.org` as a whole List-Id would imply `org`, which nobody signs for: then the key itself is meant.
            let parent = domain.split_once('.').map(|(_, parent)| parent).filter(|p| DomainName::new(p).is_ok());
            self.add(&mut table.whole, &key, &items, Implied::Domain(parent.unwrap_or(domain)), &place);
            self.add(&mut table.below, &key, &items, Implied::Domain(domain), &place);
        }
        table
    }

    fn fallback(&mut self, sources: &Sources) -> Fallback {
        let implied = sources.domains.as_slice();
        let place = &sources.domain_place;
        if sources.signatures.is_empty() {
            if !implied.is_empty() {
                self.report.warn(place, "unused domain", "has no effect: with a map, it needs the option signature");
            }
            return Fallback::Nothing;
        }
        match implied {
            [] => self.signatures(sources, Implied::Nothing).map_or(Fallback::Nothing, Fallback::Everyone),
            [one] => self.signatures(sources, Implied::Domain(one)).map_or(Fallback::Nothing, Fallback::Everyone),
            several => Fallback::Domains(self.domains(several, sources)),
        }
    }

    fn domains(&mut self, domains: &[String], sources: &Sources) -> Table {
        let mut table = Table::default();
        for domain in domains {
            match domain_key(domain) {
                Some(key) => {
                    if let Some(rule) = self.signatures(sources, Implied::Domain(domain)) {
                        table.insert(key, rule);
                    }
                }
                None => {
                    let message = format_args!("\"{domain}\" is no domain name");
                    self.report.problem(&sources.domain_place, "domain", message);
                }
            }
        }
        table
    }

    /// The rule of the options `signature`.
    fn signatures(&mut self, sources: &Sources, implied: Implied<'_>) -> Option<Rule> {
        let mut all = Vec::new();
        let mut mistake = false;
        for (item, place) in &sources.signatures {
            match self.builder(false).rule(std::slice::from_ref(item), implied, place) {
                Some(Rule::Sign(signatures)) => all.extend(signatures),
                Some(Rule::LeaveUnsigned | Rule::Incomplete) => {}
                None => mistake = true,
            }
        }
        let rule = if all.is_empty() { Rule::LeaveUnsigned } else { Rule::Sign(all) };
        (!mistake).then_some(rule)
    }

    fn add(&mut self, table: &mut Table, key: &str, items: &[Item], implied: Implied<'_>, place: &Place) {
        let Some(rule) = self.builder(true).rule(items, implied, place) else { return };
        if table.insert(key.to_owned(), rule).is_some() {
            self.report.warn(place, "duplicate", format_args!("\"{key}\" has a rule already; this one replaces it"));
        }
    }

    fn builder(&mut self, lenient: bool) -> Builder<'_> {
        Builder { defaults: self.defaults, keys: self.keys, report: self.report, lenient }
    }

    /// The lines of a map that are rules.
    fn map(&mut self, path: &Path, place: &Place) -> Vec<(String, Vec<Item>, Place)> {
        let file = match fs::read(path) {
            Ok(file) => file,
            Err(error) => {
                self.report.problem(place, "map", value::read_problem(path, &error));
                return Vec::new();
            }
        };
        let at = |line| Place { key: place.key, origin: Origin::File { path: path.to_owned(), line } };
        let (lines, remarks) = map::parse(&file);
        for remark in remarks {
            self.report.warn(&at(remark.line), remark.about.kind(), remark.about);
        }
        let mut rules = Vec::with_capacity(lines.len());
        for line in lines {
            match signature::parse_items(&line.value) {
                Ok(items) => rules.push((line.key, items, at(line.line))),
                Err(error) => self.report.problem(&at(line.line), "grammar", error),
            }
        }
        rules
    }
}
