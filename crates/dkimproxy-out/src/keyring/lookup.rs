//! Finds the rule for an address or a domain. The cost does not depend on the number of rules.

use super::{
    map_key::{CATCH_ALL, MAX_LEN},
    rule::Rule,
};
use std::collections::HashMap;

/// Rules by their keys.
#[derive(Debug, Default)]
pub struct Table {
    rules: HashMap<Box<str>, Rule>,
}

impl Table {
    /// Adds a rule under a normalized key; returns the one it replaces.
    pub fn insert(&mut self, key: String, rule: Rule) -> Option<Rule> {
        self.rules.insert(key.into_boxed_str(), rule)
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// True if there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// All rules by key, in the order of keys.
    pub fn sorted(&self) -> Vec<(&str, &Rule)> {
        let mut all: Vec<_> = self.rules.iter().map(|(key, rule)| (key.as_ref(), rule)).collect();
        all.sort_unstable_by_key(|&(key, _)| key);
        all
    }

    /// The most specific rule for a normalized `user@domain` or domain, and its key: `user+extension@domain`,
    /// `user@domain`, `domain`, then each parent domain down to the top-level domain. The catch-all is not looked at.
    ///
    /// (For an address with an extension 1.4.1 dropped the "@" too and found neither user nor domain.)
    pub fn find(&self, subject: &str) -> Option<(&str, &Rule)> {
        if subject.len() > MAX_LEN {
            return None; // no key is that long; and what is longer could have thousands of parents
        }
        let Some((local, domain)) = subject.rsplit_once('@') else { return self.find_domain(subject) };
        self.get(subject).or_else(|| self.find_without_extension(local, domain)).or_else(|| self.find_domain(domain))
    }

    /// The rule under the key `.`.
    pub fn catch_all(&self) -> Option<(&str, &Rule)> {
        self.get(CATCH_ALL)
    }

    fn find_without_extension(&self, local: &str, domain: &str) -> Option<(&str, &Rule)> {
        let (user, _extension) = local.split_once('+')?;
        self.get(&format!("{user}@{domain}"))
    }

    fn find_domain(&self, domain: &str) -> Option<(&str, &Rule)> {
        let names = std::iter::successors(Some(domain), |name| name.split_once('.').map(|(_, parent)| parent));
        names.filter(|&name| !name.is_empty() && name != CATCH_ALL).find_map(|name| self.get(name))
    }

    /// The rule under exactly this key.
    pub fn get(&self, key: &str) -> Option<(&str, &Rule)> {
        self.rules.get_key_value(key).map(|(key, rule)| (key.as_ref(), rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[&str]) -> Table {
        let mut table = Table::default();
        for key in keys {
            table.insert((*key).to_owned(), Rule::default());
        }
        table
    }

    /// Section 2.4 of the inventory of 1.4.1, its bugs mended.
    #[test]
    fn the_order_of_lookups() {
        let table = table(&[
            "user@example.org",
            "example.org",
            "sub.example.org",
            "jason+x@long.name",
            "jason@long.name",
            "long.name",
            "longname.name",
            "jasonlong.name",
            "org",
            ".",
        ]);
        for (subject, expected) in [
            ("user@example.org", Some("user@example.org")),
            ("other@example.org", Some("example.org")),
            ("user@sub.example.org", Some("sub.example.org")),
            ("user@deep.sub.example.org", Some("sub.example.org")),
            ("user@deep.example.org", Some("example.org")),
            ("user@notexample.org", Some("org")),
            ("jason+x@long.name", Some("jason+x@long.name")),
            ("jason+y@long.name", Some("jason@long.name")),
            ("jason+y+z@long.name", Some("jason@long.name")),
            ("eve+y@long.name", Some("long.name")),
            ("eve+jason@a.long.name", Some("long.name")),
            ("user+ext@example.org", Some("user@example.org")),
            ("user@example.com", None),
            ("example.org", Some("example.org")),
            ("lists.example.org", Some("example.org")),
            ("", None),
            (".", None),
            ("@", None),
            ("a@b.", None),
        ] {
            assert_eq!(table.find(subject).map(|(key, _)| key), expected, "{subject}");
        }
        assert_eq!(table.catch_all().map(|(key, _)| key), Some("."));
    }

    #[test]
    fn hostile_names_end_early() {
        let table = table(&["org"]);
        let name = format!("{}org", "a.".repeat(1_000_000));
        assert!(table.find(&name).is_none());
    }
}
