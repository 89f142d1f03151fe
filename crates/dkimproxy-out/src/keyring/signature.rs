//! What is written to the right of a map key, and in the option `signature`: the grammar, not yet the meaning.
//!
//! ```text
//! value = item *( "," item ) [ "," ]         ; only one item in the option
//! item  = "none" / type [ "(" [ tag *( "," tag ) ] ")" ]
//! type  = "dkim" / "domainkeys"
//! tag   = name "=" value                     ; no "," "(" or ")" in the value
//! ```
//!
//! Blanks around items, names and values are ignored (1.4.1 ignored a tag with a blank before its name).

use super::template::{Template, UnknownMacro};
use dkimproxy_daemon::config::value;
use std::{ops::RangeInclusive, str::FromStr, time::Duration};
use thiserror::Error;

/// One item: one signature to be made, or the wish that none be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `dkim` or `dkim(...)`
    Dkim(Tags),
    /// `domainkeys` or `domainkeys(...)`
    DomainKeys(Tags),
    /// `none`: mail that this rule covers stays unsigned.
    None,
}

/// How a signature looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Look {
    /// Covers what receivers need covered today, From sealed, with the time of signing.
    #[default]
    Own,
    /// As 1.4.1 made it, octet for octet where key, a=, c= and d= are the same.
    DkimProxy1,
}

/// The names of looks.
pub const LOOKS: &[(&str, Look)] = &[("own", Look::Own), ("dkimproxy1", Look::DkimProxy1)];

/// How long a signature may last: what is shorter ends before the mail has arrived.
const LIFETIMES: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(3650 * 86_400);

/// The tags of one item, as written. None: not given, so inherited.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// key, keyfile: path of the private key.
    pub key_file: Option<String>,
    /// s, selector
    pub selector: Option<String>,
    /// d, domain
    pub domain: Option<Template>,
    /// i, identity
    pub identity: Option<Template>,
    /// c, method
    pub method: Option<String>,
    /// a, algorithm
    pub algorithm: Option<String>,
    /// h, headers: names of header fields.
    pub headers: Option<Vec<String>>,
    /// t: whether the time of signing is written.
    pub timestamp: Option<bool>,
    /// lifetime: seconds until x=. (1.4.1 ignored x=, and so it stays: old maps must not begin to expire.)
    pub lifetime: Option<u64>,
    /// layout
    pub look: Option<Look>,
    /// Names that mean nothing (1.4.1 ignored them silently).
    pub unknown: Vec<String>,
}

/// Why the text is no list of signatures.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GrammarError {
    /// Nothing is there.
    #[error("no signature is given; write for example dkim(s=SELECTOR,key=/PATH/TO/KEY), or none")]
    Empty,
    /// More than one item in the option `signature`.
    #[error("one signature per line; give the option several times for several signatures")]
    SeveralItems,
    /// The type is unknown.
    #[error("\"{0}\" is no type of signature; dkim is (and domainkeys, and none)")]
    UnknownType(String),
    /// A parenthesis is open at the end.
    #[error("\"{0}\": the closing parenthesis is missing")]
    Unclosed(String),
    /// Text where a comma should be.
    #[error("unexpected \"{0}\"; signatures are separated by commas, and no blank stands before a parenthesis")]
    Trailing(String),
    /// `none` beside others.
    #[error("none stands alone, without other signatures and without tags")]
    NoneNotAlone,
    /// A tag without "=", or without value.
    #[error("tag \"{0}\" has no value; a tag is NAME=VALUE")]
    NoValue(String),
    /// The same tag twice.
    #[error("tag \"{0}\" is given twice")]
    Repeated(String),
    /// d= or i= holds an unknown macro.
    #[error("tag \"{tag}\": {source}")]
    Macro {
        /// Name of the tag.
        tag: String,
        /// Which macro.
        source: UnknownMacro,
    },
    /// h= holds something that is no field name.
    #[error("tag \"h\": \"{0}\" is no header field name; write h=from:to:subject")]
    FieldName(String),
    /// t= holds something else.
    #[error("tag \"t\": \"{0}\" is neither yes nor no")]
    NotYesOrNo(String),
    /// lifetime= or layout= holds something that is none.
    #[error("tag \"{tag}\": {mistake}")]
    Value {
        /// Name of the tag.
        tag: String,
        /// What is wrong and what would be right.
        mistake: String,
    },
}

/// Reads a comma-separated list of items. A comment may follow: blank, `#`, text.
pub(super) fn parse_items(value: &str) -> Result<Vec<Item>, GrammarError> {
    let items: Vec<Item> =
        split_items(without_comment(value))?.into_iter().map(parse_item).collect::<Result<_, _>>()?;
    if items.len() > 1 && items.contains(&Item::None) {
        return Err(GrammarError::NoneNotAlone);
    }
    Ok(items)
}

impl FromStr for Item {
    type Err = GrammarError;

    /// Reads exactly one item: the value of the option `signature`.
    fn from_str(value: &str) -> Result<Self, GrammarError> {
        let mut items = parse_items(value)?;
        match (items.pop(), items.is_empty()) {
            (Some(item), true) => Ok(item),
            _ => Err(GrammarError::SeveralItems),
        }
    }
}

/// 1.4.1 knew no comments here and failed at every message; a `#` inside parentheses is text (of a path, say).
fn without_comment(value: &str) -> &str {
    let mut depth = 0_usize;
    let mut blank = true;
    for (at, c) in value.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '#' if depth == 0 && blank => return value.split_at(at).0,
            _ => {}
        }
        blank = c.is_whitespace();
    }
    value
}

/// Splits at commas outside parentheses; a comma at the end is allowed.
fn split_items(value: &str) -> Result<Vec<&str>, GrammarError> {
    let mut depth = 0_usize;
    let mut items: Vec<&str> = value
        .split(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        })
        .map(str::trim)
        .collect();
    if items.len() > 1 && items.last().is_some_and(|last| last.is_empty()) {
        items.pop();
    }
    if items.iter().any(|item| item.is_empty()) { Err(GrammarError::Empty) } else { Ok(items) }
}

fn parse_item(text: &str) -> Result<Item, GrammarError> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (kind, rest) = text.split_at(end);
    let make: fn(Tags) -> Item = match kind {
        "dkim" => Item::Dkim,
        "domainkeys" => Item::DomainKeys,
        "none" if rest.is_empty() => return Ok(Item::None),
        "none" => return Err(GrammarError::NoneNotAlone),
        _ => return Err(GrammarError::UnknownType(if kind.is_empty() { text } else { kind }.to_owned())),
    };
    if rest.is_empty() {
        return Ok(make(Tags::default()));
    }
    let Some(inner) = rest.strip_prefix('(') else { return Err(GrammarError::Trailing(rest.trim().to_owned())) };
    match inner.split_once(')') {
        None => Err(GrammarError::Unclosed(text.to_owned())),
        Some((tags, "")) => parse_tags(tags).map(make),
        Some((_, after)) => Err(GrammarError::Trailing(after.trim().to_owned())),
    }
}

fn parse_tags(text: &str) -> Result<Tags, GrammarError> {
    let mut tags = Tags::default();
    for tag in text.split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        let (name, value) = tag.split_once('=').map_or((tag, ""), |(name, value)| (name.trim(), value.trim()));
        if value.is_empty() {
            return Err(GrammarError::NoValue(name.to_owned()));
        }
        set_tag(&mut tags, name, value)?;
    }
    Ok(tags)
}

fn set_tag(tags: &mut Tags, name: &str, value: &str) -> Result<(), GrammarError> {
    let again = match name {
        "key" | "keyfile" => tags.key_file.replace(value.to_owned()).is_some(),
        "s" | "selector" => tags.selector.replace(value.to_owned()).is_some(),
        "c" | "method" => tags.method.replace(value.to_owned()).is_some(),
        "a" | "algorithm" => tags.algorithm.replace(value.to_owned()).is_some(),
        "d" | "domain" => tags.domain.replace(template(name, value)?).is_some(),
        "i" | "identity" => tags.identity.replace(template(name, value)?).is_some(),
        "h" | "headers" => tags.headers.replace(field_names(value)?).is_some(),
        "t" => tags.timestamp.replace(yes_or_no(value)?).is_some(),
        "lifetime" => tags.lifetime.replace(seconds(name, value)?).is_some(),
        "layout" => tags.look.replace(look(name, value)?).is_some(),
        _ => {
            tags.unknown.push(name.to_owned());
            false
        }
    };
    if again { Err(GrammarError::Repeated(name.to_owned())) } else { Ok(()) }
}

fn template(tag: &str, value: &str) -> Result<Template, GrammarError> {
    Template::parse(value).map_err(|source| GrammarError::Macro { tag: tag.to_owned(), source })
}

/// Field names are printable ASCII without colon (RFC 5322 section 2.2); ";" would end the tag in the signature.
fn field_names(value: &str) -> Result<Vec<String>, GrammarError> {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b';');
    value
        .split(':')
        .map(str::trim)
        .map(|name| if is_name(name) { Ok(name.to_owned()) } else { Err(GrammarError::FieldName(name.to_owned())) })
        .collect()
}

fn seconds(tag: &str, text: &str) -> Result<u64, GrammarError> {
    value::duration(LIFETIMES)(text)
        .map(|lifetime| lifetime.as_secs())
        .map_err(|mistake| GrammarError::Value { tag: tag.to_owned(), mistake })
}

fn look(tag: &str, text: &str) -> Result<Look, GrammarError> {
    value::one_of(LOOKS)(text).map_err(|mistake| GrammarError::Value { tag: tag.to_owned(), mistake })
}

fn yes_or_no(value: &str) -> Result<bool, GrammarError> {
    match value {
        "yes" | "on" | "1" | "true" => Ok(true),
        "no" | "off" | "0" | "false" => Ok(false),
        _ => Err(GrammarError::NotYesOrNo(value.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dkim(value: &str) -> Tags {
        match value.parse() {
            Ok(Item::Dkim(tags)) => tags,
            other => panic!("{value}: {other:?}"),
        }
    }

    #[test]
    fn tags_and_their_long_names() {
        let short = dkim("dkim(s=sel,d=example.org,c=relaxed,a=rsa-sha256,i=@example.org,key=/k,h=From:To)");
        let long = dkim(
            "dkim(selector=sel,domain=example.org,method=relaxed,algorithm=rsa-sha256,identity=@example.org,keyfile=/k,\
             headers=From:To)",
        );
        assert_eq!(short, long);
        assert_eq!(short.selector.as_deref(), Some("sel"));
        assert_eq!(short.domain, Template::parse("example.org").ok());
        assert_eq!(short.identity, Template::parse("@example.org").ok());
        assert_eq!(short.method.as_deref(), Some("relaxed"));
        assert_eq!(short.algorithm.as_deref(), Some("rsa-sha256"));
        assert_eq!(short.key_file.as_deref(), Some("/k"));
        assert_eq!(short.headers, Some(vec!["From".to_owned(), "To".to_owned()]));
    }

    #[test]
    fn blanks_do_not_matter() {
        let expected = dkim("dkim(s=a,d=b.example)");
        for value in ["dkim( s=a , d=b.example )", " dkim(s=a, d=b.example) ", "dkim(s = a,d = b.example)\t\r"] {
            assert_eq!(dkim(value), expected, "{value:?}");
        }
    }

    #[test]
    fn several_items() {
        let items = parse_items("dkim(s=a, d=b.example),  dkim(s=c), domainkeys(c=nofws),").unwrap();
        assert!(matches!(items.as_slice(), [Item::Dkim(_), Item::Dkim(_), Item::DomainKeys(_)]));
        assert_eq!(parse_items("dkim,").unwrap(), [Item::Dkim(Tags::default())]);
        assert_eq!(parse_items("dkim()").unwrap(), [Item::Dkim(Tags::default())]);
        assert_eq!(parse_items("none").unwrap(), [Item::None]);
        assert_eq!("dkim,dkim".parse::<Item>(), Err(GrammarError::SeveralItems));
    }

    #[test]
    fn comments_end_the_value() {
        assert_eq!(dkim("dkim(a=rsa-sha256) # comment, with(everything"), dkim("dkim(a=rsa-sha256)"));
        assert_eq!(dkim("dkim(key=/a #b)").key_file.as_deref(), Some("/a #b"));
        assert_eq!(parse_items("# nothing"), Err(GrammarError::Empty));
    }

    #[test]
    fn unknown_tags_are_kept_apart() {
        assert_eq!(dkim("dkim(foo=bar,s=a,x=100)").unknown, ["foo", "x"]);
    }

    #[test]
    fn timestamps_can_be_switched() {
        assert_eq!(dkim("dkim(t=1)").timestamp, Some(true));
        assert_eq!(dkim("dkim(t=no)").timestamp, Some(false));
        assert_eq!(parse_items("dkim(t=s)"), Err(GrammarError::NotYesOrNo("s".into())));
    }

    #[test]
    fn lifetimes_and_layouts() {
        assert_eq!(dkim("dkim(lifetime=7d)").lifetime, Some(7 * 86_400));
        assert_eq!(dkim("dkim(layout=dkimproxy1)").look, Some(Look::DkimProxy1));
        for (value, tag) in
            [("dkim(lifetime=1)", "lifetime"), ("dkim(lifetime=x)", "lifetime"), ("dkim(layout=x)", "layout")]
        {
            assert!(
                matches!(parse_items(value), Err(GrammarError::Value { tag: found, .. }) if found == tag),
                "{value}"
            );
        }
    }

    #[test]
    fn mistakes() {
        use GrammarError::*;
        for (value, expected) in [
            ("", Empty),
            (",", Empty),
            ("dkim,,dkim", Empty),
            ("dkim(", Unclosed("dkim(".into())),
            ("dkim(s=1", Unclosed("dkim(s=1".into())),
            ("dkim(s=a) dkim(s=b)", Trailing("dkim(s=b)".into())),
            ("dkim(s=a);dkim(s=b)", Trailing(";dkim(s=b)".into())),
            ("dkim (s=a)", Trailing("(s=a)".into())),
            ("DKIM(s=4)", UnknownType("DKIM".into())),
            ("arc(s=1)", UnknownType("arc".into())),
            ("(s=1)", UnknownType("(s=1)".into())),
            ("none,dkim", NoneNotAlone),
            ("none(s=a)", NoneNotAlone),
            ("dkim(s)", NoValue("s".into())),
            ("dkim(c=,s=)", NoValue("c".into())),
            ("dkim(s=a,selector=b)", Repeated("selector".into())),
            ("dkim(d=$foo)", Macro { tag: "d".into(), source: UnknownMacro("foo".into()) }),
            ("dkim(h=from::to)", FieldName(String::new())),
        ] {
            assert_eq!(parse_items(value), Err(expected), "{value:?}");
        }
    }
}
