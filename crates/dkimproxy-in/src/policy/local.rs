//! Local rules about signatures: what makes `policy` of a pass.

use dkimproxy_core::{
    domainkeys::DomainKeysVerification,
    verify::{DkimResult, Verification},
};
use std::fmt;

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LocalRules {
    /// A signature may leave part of the body uncovered.
    pub(crate) accept_uncovered: bool,
    /// Shortest RSA key.
    pub(crate) min_key_bits: usize,
    pub(crate) aligned: RequireAligned,
}

/// Must d= go with the domain in From?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequireAligned {
    /// No.
    Off,
    /// They are of one organization.
    Relaxed,
    /// They are equal.
    Strict,
}

/// Which rule a signature that passes breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Objection {
    /// So many octets of the body are not covered.
    UncoveredBody(u64),
    /// An RSA key of so many bits.
    ShortKey(usize),
    /// d= does not go with the domain in From.
    NotAligned,
}

impl Objection {
    /// What local rules say about a signature. `is_aligned` is asked only where a rule needs it.
    pub(crate) fn to(found: &Verification, rules: LocalRules, is_aligned: impl FnOnce() -> bool) -> Option<Self> {
        if found.result() != DkimResult::Pass {
            return None;
        }
        let is_rsa = found.algorithm.as_deref().is_some_and(|name| name.to_ascii_lowercase().starts_with("rsa"));
        match found.key_bits {
            _ if found.uncovered > 0 && !rules.accept_uncovered => Some(Self::UncoveredBody(found.uncovered)),
            Some(bits) if is_rsa && bits < rules.min_key_bits => Some(Self::ShortKey(bits)),
            _ if rules.aligned != RequireAligned::Off && !is_aligned() => Some(Self::NotAligned),
            _ => None,
        }
    }

    /// The rule's name, for `policy.dkim-rules` (RFC 8601 section 2.4).
    pub(crate) fn rule(self) -> &'static str {
        match self {
            Self::UncoveredBody(_) => "uncovered-body",
            Self::ShortKey(_) => "min-key-bits",
            Self::NotAligned => "require-aligned",
        }
    }
}

impl fmt::Display for Objection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UncoveredBody(octets) => write!(f, "{octets} octets of the body are not signed"),
            Self::ShortKey(bits) => write!(f, "a key of {bits} bits is too short"),
            Self::NotAligned => f.write_str("not signed by the domain in From"),
        }
    }
}

/// A signature, and what local rules say about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged<'a> {
    pub(crate) found: &'a Verification,
    pub(crate) objection: Option<Objection>,
}

impl Judged<'_> {
    /// The result with local rules applied.
    pub(crate) fn result(&self) -> DkimResult {
        if self.objection.is_some() { DkimResult::Policy } else { self.found.result() }
    }

    /// Why it does not pass.
    pub(crate) fn reason(&self) -> Option<String> {
        let objection = self.objection.map(|objection| objection.to_string());
        objection.or_else(|| self.found.outcome.as_ref().err().map(ToString::to_string))
    }
}

/// The result of the message as a whole: `pass` if any signature passes, else what might yet become one, else the worst.
pub(crate) fn of_message(judged: &[Judged<'_>]) -> DkimResult {
    best(judged.iter().map(|judged| (judged.result(), judged.found.testing)))
}

/// The same of DomainKeys signatures.
pub(crate) fn of_domainkeys(found: &[DomainKeysVerification]) -> DkimResult {
    best(found.iter().map(|found| (found.result(), found.testing)))
}

/// Of results and whether the key is in test mode.
///
/// RFC 6376 section 3.6.1: "Verifiers MUST NOT treat messages from Signers in testing mode differently from unsigned
/// email, even should the signature fail to verify."
fn best(results: impl Iterator<Item = (DkimResult, bool)> + Clone) -> DkimResult {
    const ORDER: [DkimResult; 6] = [
        DkimResult::Pass,
        DkimResult::TempError,
        DkimResult::Fail,
        DkimResult::Policy,
        DkimResult::PermError,
        DkimResult::Neutral,
    ];
    let counted = results.filter(|(result, testing)| *result == DkimResult::Pass || !testing);
    let has = |wanted: &DkimResult| counted.clone().any(|(result, _)| result == *wanted);
    ORDER.into_iter().find(has).unwrap_or(DkimResult::None)
}
