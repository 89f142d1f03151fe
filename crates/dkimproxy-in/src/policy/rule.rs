//! One line of the policy table: which results, and what to do then.

use dkimproxy_daemon::config::value;
use std::fmt;
use thiserror::Error;

/// What a result can come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Dkim,
    Spf,
    Dmarc,
    Arc,
    IpRev,
    DomainKeys,
}

impl Method {
    const ALL: [Self; 6] = [Self::Dkim, Self::Spf, Self::Dmarc, Self::Arc, Self::IpRev, Self::DomainKeys];

    /// As in Authentication-Results, and the name of the option that switches it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Dkim => "dkim",
            Self::Spf => "spf",
            Self::Dmarc => "dmarc",
            Self::Arc => "arc",
            Self::IpRev => "iprev",
            Self::DomainKeys => "domainkeys",
        }
    }

    /// The results it can have (RFC 8601 section 2.7, RFC 8617 section 10.1, RFC 9989 section 9.1).
    fn results(self) -> &'static [&'static str] {
        match self {
            Self::Dkim | Self::DomainKeys => &["none", "pass", "fail", "policy", "neutral", "temperror", "permerror"],
            Self::Spf => &["none", "pass", "fail", "softfail", "neutral", "temperror", "permerror"],
            Self::Dmarc => &["none", "pass", "fail", "temperror", "permerror"],
            Self::Arc => &["none", "pass", "fail"],
            Self::IpRev => &["pass", "fail", "temperror", "permerror"],
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `METHOD=RESULT[,RESULT...]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    pub(crate) method: Method,
    pub(crate) results: Vec<&'static str>,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Pass it on; no later rule counts.
    Accept,
    /// Add a field, and look at the next rule.
    AddField(AddedField),
    /// Refuse for now.
    TempFail(Answer),
    /// Refuse.
    Reject(Answer),
}

/// A header field of the administrator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AddedField {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// What of a reply is written; the rest has defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: Option<u16>,
    pub(crate) enhanced: Option<String>,
    pub(crate) text: Option<String>,
}

/// One line of the table. All conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) action: Action,
}

/// What is wrong with a line of the table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum RuleError {
    #[error("a condition is missing; METHOD=RESULT is right, for example dmarc=fail")]
    NoCondition,
    #[error("\"{0}\" is no method; one of these is right: dkim, spf, dmarc, arc, iprev, domainkeys")]
    Method(String),
    #[error("\"{1}\" is no result of {0}; one of these is right: {list}", list = .0.results().join(", "))]
    Result(Method, String),
    #[error("\"{0}\" is no action; one of these is right: accept, add_header, tempfail, reject")]
    Action(String),
    #[error("accept takes nothing after it")]
    AfterAccept,
    #[error("add_header needs NAME: VALUE, in printable ASCII, the name beginning with X-")]
    Field,
    #[error("{0} is no name for a field to be added; dkimproxy-in writes it itself")]
    ReservedField(String),
    #[error("tempfail is for the result temperror only: what failed will fail again")]
    TempFailForFailure,
    #[error("{0} does not go with this action; reject takes 5xx, tempfail 4xx, and an enhanced code of the same class")]
    Code(String),
    #[error("the text is no printable ASCII")]
    Text,
}

impl Rule {
    /// The rule of one condition with one result, with the default reply.
    pub(crate) fn simple(method: Method, result: &'static str, action: Action) -> Self {
        Self { conditions: vec![Condition { method, results: vec![result] }], action }
    }

    /// Reads `METHOD=RESULT[,RESULT...]... ACTION [ARGUMENTS]`.
    pub(crate) fn parse(text: &str) -> Result<Self, RuleError> {
        let mut rest = text.trim();
        let mut conditions = Vec::new();
        loop {
            let (word, after) = first_word(rest);
            let Some((method, results)) = word.split_once('=') else { break };
            conditions.push(condition(method, results)?);
            rest = after;
        }
        if conditions.is_empty() {
            return Err(RuleError::NoCondition);
        }
        let action = action(rest)?;
        let temporary = |condition: &Condition| condition.results == ["temperror"];
        if matches!(action, Action::TempFail(_)) && !conditions.iter().any(temporary) {
            return Err(RuleError::TempFailForFailure);
        }
        Ok(Self { conditions, action })
    }
}

fn condition(method: &str, results: &str) -> Result<Condition, RuleError> {
    let known = |known: &Method| known.as_str().eq_ignore_ascii_case(method);
    let method = Method::ALL.into_iter().find(known).ok_or_else(|| RuleError::Method(method.to_owned()))?;
    let result = |text: &str| {
        let found = method.results().iter().copied().find(|known| known.eq_ignore_ascii_case(text));
        found.ok_or_else(|| RuleError::Result(method, text.to_owned()))
    };
    Ok(Condition { method, results: results.split(',').map(result).collect::<Result<_, _>>()? })
}

fn action(text: &str) -> Result<Action, RuleError> {
    #[derive(Clone, Copy)]
    enum Word {
        Accept,
        AddHeader,
        TempFail,
        Reject,
    }
    const WORDS: &[(&str, Word)] = &[
        ("accept", Word::Accept),
        ("add_header", Word::AddHeader),
        ("add-header", Word::AddHeader),
        ("tempfail", Word::TempFail),
        ("reject", Word::Reject),
    ];
    let (word, rest) = first_word(text);
    match value::one_of(WORDS)(word).map_err(|_| RuleError::Action(word.to_owned()))? {
        Word::Accept if rest.is_empty() => Ok(Action::Accept),
        Word::Accept => Err(RuleError::AfterAccept),
        Word::AddHeader => added_field(rest).map(Action::AddField),
        Word::TempFail => answer(rest, '4').map(Action::TempFail),
        Word::Reject => answer(rest, '5').map(Action::Reject),
    }
}

/// Names that are ours whether an action adds them or not.
const RESERVED: &[&str] = &["X-DKIM-Authentication-Results", "X-DMARC-Disposition"];

fn added_field(text: &str) -> Result<AddedField, RuleError> {
    let (name, value) = text.split_once(':').ok_or(RuleError::Field)?;
    let value = value.trim();
    let is_name = |name: &str| name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
    let prefix = name.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("X-"));
    // RFC 5322 section 2.1.1: a line "MUST be no more than 998 characters".
    let short = name.len() <= 64 && (1..=900).contains(&value.len());
    if !(prefix && name.len() > 2 && is_name(name) && short && is_printable(value)) {
        return Err(RuleError::Field);
    }
    if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
        return Err(RuleError::ReservedField(name.to_owned()));
    }
    Ok(AddedField { name: name.to_owned(), value: value.to_owned() })
}

/// `[CODE] [ENHANCED] [TEXT]`, the codes of this class.
fn answer(text: &str, class: char) -> Result<Answer, RuleError> {
    let mut answer = Answer::default();
    let mut rest = text;
    let (word, after) = first_word(rest);
    if word.len() == 3 && word.bytes().all(|octet| octet.is_ascii_digit()) {
        let code = word.parse().ok().filter(|code| (400..=559).contains(code) && word.starts_with(class));
        answer.code = Some(code.ok_or_else(|| RuleError::Code(word.to_owned()))?);
        rest = after;
    }
    let (word, after) = first_word(rest);
    if is_enhanced(word) {
        let enhanced = word.starts_with(class).then(|| word.to_owned());
        answer.enhanced = Some(enhanced.ok_or_else(|| RuleError::Code(word.to_owned()))?);
        rest = after;
    }
    if !is_printable(rest) {
        return Err(RuleError::Text);
    }
    answer.text = Some(rest.to_owned()).filter(|text| !text.is_empty());
    Ok(answer)
}

/// Three numbers with dots between them (RFC 3463 section 2).
fn is_enhanced(word: &str) -> bool {
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
    word.split('.').count() == 3 && word.split('.').all(is_number)
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|octet| octet == b' ' || octet.is_ascii_graphic())
}

/// The first word, and what comes after the blanks that follow it.
fn first_word(text: &str) -> (&str, &str) {
    text.split_once([' ', '\t']).map_or((text, ""), |(word, rest)| (word, rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reject(code: Option<u16>, enhanced: Option<&str>, text: Option<&str>) -> Action {
        Action::Reject(Answer { code, enhanced: enhanced.map(Into::into), text: text.map(Into::into) })
    }

    #[test]
    fn rules_as_they_are_written() {
        let one = |method, results: &[&'static str]| Condition { method, results: results.to_vec() };
        let field = AddedField { name: "X-SPF".into(), value: "it: failed".into() };
        let temporary = Answer { enhanced: Some("4.7.24".into()), text: Some("DNS".into()), ..Answer::default() };
        let table = [
            ("dmarc=fail reject", vec![one(Method::Dmarc, &["fail"])], reject(None, None, None)),
            (
                " spf=fail,SoftFail  DKIM=fail\treject 554 5.7.26  Go away, 192.0.2.1 ",
                vec![one(Method::Spf, &["fail", "softfail"]), one(Method::Dkim, &["fail"])],
                reject(Some(554), Some("5.7.26"), Some("Go away, 192.0.2.1")),
            ),
            ("arc=fail reject 5.7.29", vec![one(Method::Arc, &["fail"])], reject(None, Some("5.7.29"), None)),
            ("iprev=fail reject No", vec![one(Method::IpRev, &["fail"])], reject(None, None, Some("No"))),
            ("dkim=pass accept", vec![one(Method::Dkim, &["pass"])], Action::Accept),
            ("spf=fail add_header X-SPF: it: failed", vec![one(Method::Spf, &["fail"])], Action::AddField(field)),
            ("spf=temperror tempfail 4.7.24 DNS", vec![one(Method::Spf, &["temperror"])], Action::TempFail(temporary)),
        ];
        for (text, conditions, action) in table {
            assert_eq!(Rule::parse(text), Ok(Rule { conditions, action }), "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let table = [
            ("", RuleError::NoCondition),
            ("reject", RuleError::NoCondition),
            ("adsp=fail reject", RuleError::Method("adsp".into())),
            ("arc=temperror reject", RuleError::Result(Method::Arc, "temperror".into())),
            ("dkim=fail, reject", RuleError::Result(Method::Dkim, String::new())),
            ("dkim=fail", RuleError::Action(String::new())),
            ("dkim=fail discard", RuleError::Action("discard".into())),
            ("dkim=pass accept it", RuleError::AfterAccept),
            ("dkim=fail add_header X-A", RuleError::Field),
            ("dkim=fail add_header X-: a", RuleError::Field),
            ("dkim=fail add_header X-A:", RuleError::Field),
            ("dkim=fail add_header Subject: spam", RuleError::Field),
            ("dkim=fail add_header X-A B: c", RuleError::Field),
            ("dkim=fail add_header X-A: \u{fc}", RuleError::Field),
            ("dkim=fail add_header X-A: a\rb", RuleError::Field),
            ("dkim=fail add_header x-dmarc-disposition: none", RuleError::ReservedField("x-dmarc-disposition".into())),
            ("dkim=fail tempfail", RuleError::TempFailForFailure),
            ("dkim=temperror,fail tempfail", RuleError::TempFailForFailure),
            ("dkim=fail reject 451", RuleError::Code("451".into())),
            ("dkim=fail reject 599", RuleError::Code("599".into())),
            ("dkim=fail reject 550 4.7.1", RuleError::Code("4.7.1".into())),
            ("dkim=temperror tempfail 550", RuleError::Code("550".into())),
            ("dkim=fail reject \u{fc}", RuleError::Text),
        ];
        for (text, error) in table {
            assert_eq!(Rule::parse(text), Err(error), "{text}");
        }
        let message = RuleError::Result(Method::Arc, "x".into()).to_string();
        assert_eq!(message, "\"x\" is no result of arc; one of these is right: none, pass, fail");
    }
}
