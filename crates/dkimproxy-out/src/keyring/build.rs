//! From what is written about a signature to what it means: inherits what is absent, reads keys, checks everything that
//! can be checked before the first message.

mod domainkeys;

use super::{
    key_file::KeyFiles,
    rule::{DkimSignature, Rule, Signature, SigningDomain, SigningIdentity},
    signature::{Item, Look, Tags},
    template::{Template, Values},
};
use crate::report::{Place, Report};
use dkimproxy_core::{
    canonicalize::Canonicalization,
    domain::{DomainError, DomainName, Identity, Selector},
    key::{SigningAlgorithm, SigningKey},
    sign::CoveredFields,
    signature::Layout,
};
use std::{path::PathBuf, sync::Arc};
use thiserror::Error;

/// What a signature inherits where its tags are silent.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The option `keyfile`.
    pub key_file: Option<PathBuf>,
    /// The option `selector`.
    pub selector: Option<String>,
    /// The option `dkim_method`, else `method`, and where it stands.
    pub method: Option<(String, Place)>,
    /// The option `domainkeys_method`, else `method`, and where it stands.
    pub domain_keys_method: Option<(String, Place)>,
    /// The option `identity`.
    pub identity: Option<Template>,
    /// The option `layout`.
    pub look: Look,
}

/// What a rule signs for where its tags do not say it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Implied<'a> {
    /// The domain of the key that matched, or the option `domain`.
    Domain(&'a str),
    /// The catch-all of a map: the author's own domain.
    AuthorDomain,
    /// The option `signature` without the option `domain`: nothing.
    Nothing,
}

/// A mistake that forbids a start.
#[derive(Debug, Error)]
enum Fault {
    #[error("no key file is given; write key=/PATH into the parentheses, or give the option keyfile")]
    NoKeyFile,
    #[error("no selector is given; write s=SELECTOR into the parentheses, or give the option selector")]
    NoSelector,
    #[error("no domain is given; write d=DOMAIN into the parentheses, or give the option domain")]
    NoDomain,
    #[error("selector \"{0}\": {1}")]
    Selector(String, DomainError),
    #[error("\"{0}\" cannot be a signing domain: {1}; write d=DOMAIN")]
    Domain(String, DomainError),
    #[error("identity \"{0}\": {1}")]
    Identity(String, DomainError),
    #[error("identity \"{0}\" is not within the signing domain {1} (RFC 6376 section 3.5); end it in @{1}")]
    IdentityOutside(String, DomainName),
    #[error("\"{0}\" is no canonicalization; relaxed/relaxed, relaxed/simple, simple/relaxed and simple/simple are")]
    Method(String),
    #[error("\"{0}\" is no canonicalization of DomainKeys; write c=nofws or c=simple, or give domainkeys_method")]
    DomainKeysMethod(String),
    #[error(
        "\"{0}\" is no signing algorithm; leave a= out (the key settles it), or write rsa-sha256 or ed25519-sha256"
    )]
    Algorithm(String),
    #[error("a={0} does not fit the key, which is for {1}; leave a= out: the key settles it")]
    AlgorithmOfOtherKey(String, SigningAlgorithm),
}

/// Something that works, but not as it is written.
#[derive(Debug, Error)]
enum Caution {
    #[error(
        "the rule has no {0}: mail it covers cannot be signed. Write {1} into the parentheses, or give the option {2}"
    )]
    Incomplete(&'static str, &'static str, &'static str),
    #[error(
        "rsa-sha1 must not be used any more (RFC 8301 section 3.1); rsa-sha256 is used instead. Write a=rsa-sha256"
    )]
    Sha1,
    #[error("nowsp is of a draft that no verifier knows any more; relaxed/relaxed is used instead")]
    Nowsp,
    #[error("tag \"{0}\" means nothing here and is ignored, as it was by 1.4.1")]
    UnknownTag(String),
    #[error("DomainKeys (RFC 4870) is historic and needs SHA-1: receivers look at DKIM only; leave domainkeys out")]
    DomainKeys,
    #[error("DomainKeys knows a=rsa-sha1 only, which is used instead")]
    DomainKeysAlgorithm,
}

/// What was otherwise in 1.4.1, of a signature that is good as it is.
#[derive(Debug, Error)]
enum Difference {
    #[error("without a= the key settles the algorithm (rsa-sha256, ed25519-sha256); in 1.4.1 it was rsa-sha1")]
    Algorithm,
    #[error("without c= or method it is relaxed/relaxed; in 1.4.1 it was relaxed, which is relaxed/simple")]
    Method,
    #[error("h= counts; 1.4.1 ignored it")]
    Headers,
    #[error(
        "h= covers more fields, From is sealed against a second one, and t= is there; layout=dkimproxy1, or the option \
         layout, brings the old form back"
    )]
    Look,
}

/// Why a signature is not there. Either way it has been reported.
enum Flaw {
    Mistake,
    Incomplete,
}

/// Makes rules.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    /// What is inherited.
    pub defaults: &'a Defaults,
    /// Where keys come from.
    pub keys: &'a mut KeyFiles,
    /// Where mistakes go.
    pub report: &'a mut Report,
    /// True for lines of a map: without key or selector the rule is [`Rule::Incomplete`], which 1.4.1 found out at each
    /// message only. For the option `signature` it is a mistake, in 1.4.1 too.
    pub lenient: bool,
}

impl Builder<'_> {
    /// The rule that `items` make. None: a mistake was reported.
    pub(super) fn rule(&mut self, items: &[Item], implied: Implied<'_>, place: &Place) -> Option<Rule> {
        let mut signatures = Vec::with_capacity(items.len());
        let mut flaw = None;
        for item in items {
            let signature = match item {
                Item::None => continue,
                Item::DomainKeys(tags) => self.domain_keys(tags, implied, place),
                Item::Dkim(tags) => {
                    self.dkim(tags, implied, place).map(|signature| Signature::Dkim(Box::new(signature)))
                }
            };
            match signature {
                Ok(signature) => signatures.push(signature),
                Err(Flaw::Incomplete) if !matches!(flaw, Some(Flaw::Mistake)) => flaw = Some(Flaw::Incomplete),
                Err(_) => flaw = Some(Flaw::Mistake),
            }
        }
        match flaw {
            Some(Flaw::Mistake) => None,
            Some(Flaw::Incomplete) => Some(Rule::Incomplete),
            None if signatures.is_empty() => Some(Rule::LeaveUnsigned),
            None => Some(Rule::Sign(signatures)),
        }
    }

    fn dkim(&mut self, tags: &Tags, implied: Implied<'_>, place: &Place) -> Result<DkimSignature, Flaw> {
        for name in &tags.unknown {
            self.caution(place, &Caution::UnknownTag(name.clone()));
        }
        self.differences(tags, place);
        // Every part is looked at before the first `?`, so that all mistakes are said at once.
        let key = self.key(tags, place);
        let fits = self.algorithm(tags, key.as_ref().ok(), place);
        let selector = self.selector(tags, place);
        let canonicalization = self.canonicalization(tags, place);
        let domain = self.domain(tags, implied, place);
        let identity = domain.as_ref().map_or(Ok(None), |domain| self.identity(tags, implied, domain, place));
        fits?;
        let look = self.look(tags);
        let method = canonicalization?;
        Ok(DkimSignature {
            canonicalization: method.meant,
            domain: domain?,
            identity: identity?,
            covered: Arc::new(match (&tags.headers, look) {
                (Some(names), _) => covered_fields(names),
                (None, Look::DkimProxy1) => CoveredFields::dkimproxy1(),
                (None, Look::Own) => CoveredFields::default(),
            }),
            timestamp: tags.timestamp.unwrap_or(look == Look::Own),
            lifetime: tags.lifetime,
            layout: match look {
                Look::Own => Layout::Ours,
                Look::DkimProxy1 => Layout::DkimProxy1 { canonicalization: method.written },
            },
            key: key?,
            selector: selector?,
        })
    }

    fn look(&self, tags: &Tags) -> Look {
        tags.look.unwrap_or(self.defaults.look)
    }

    fn differences(&mut self, tags: &Tags, place: &Place) {
        let all = [
            (tags.algorithm.is_none(), Difference::Algorithm),
            (tags.method.is_none() && self.defaults.method.is_none(), Difference::Method),
            (tags.headers.is_some(), Difference::Headers),
            (self.look(tags) == Look::Own, Difference::Look),
        ];
        for (_, difference) in all.into_iter().filter(|(felt, _)| *felt) {
            self.report.differ(place, difference.kind(), difference);
        }
    }

    fn key(&mut self, tags: &Tags, place: &Place) -> Result<Arc<SigningKey>, Flaw> {
        let path = self.key_path(tags, place)?;
        self.keys.load(&path, place, self.report).ok_or(Flaw::Mistake)
    }

    fn key_path(&mut self, tags: &Tags, place: &Place) -> Result<PathBuf, Flaw> {
        let path = tags.key_file.as_ref().map(PathBuf::from).or_else(|| self.defaults.key_file.clone());
        path.ok_or_else(|| self.lacks(place, Fault::NoKeyFile, Caution::Incomplete("key file", "key=/PATH", "keyfile")))
    }

    fn selector(&mut self, tags: &Tags, place: &Place) -> Result<Selector, Flaw> {
        match tags.selector.as_ref().or(self.defaults.selector.as_ref()) {
            Some(text) => Selector::new(text).map_err(|error| self.fault(place, &Fault::Selector(text.clone(), error))),
            None => {
                Err(self.lacks(place, Fault::NoSelector, Caution::Incomplete("selector", "s=SELECTOR", "selector")))
            }
        }
    }

    fn canonicalization(&mut self, tags: &Tags, place: &Place) -> Result<Method, Flaw> {
        let defaults = self.defaults;
        let (text, place) = match (&tags.method, &defaults.method) {
            (Some(text), _) => (text, place),
            (None, Some((text, place))) => (text, place),
            (None, None) => return Ok(Method::default()),
        };
        if text.eq_ignore_ascii_case("nowsp") {
            self.caution(place, &Caution::Nowsp);
            return Ok(Method::default());
        }
        match Canonicalization::parse(text.as_bytes()) {
            Some(meant) => Ok(Method { meant, written: text.clone() }),
            None => Err(self.fault(place, &Fault::Method(text.clone()))),
        }
    }

    /// a= decides nothing, since the key does; but it must not contradict the key.
    fn algorithm(&mut self, tags: &Tags, key: Option<&Arc<SigningKey>>, place: &Place) -> Result<(), Flaw> {
        let Some(written) = &tags.algorithm else { return Ok(()) };
        let wanted = match written.to_ascii_lowercase().as_str() {
            "rsa-sha256" => SigningAlgorithm::RsaSha256,
            "ed25519-sha256" => SigningAlgorithm::Ed25519Sha256,
            "rsa-sha1" => {
                self.caution(place, &Caution::Sha1);
                SigningAlgorithm::RsaSha256
            }
            _ => return Err(self.fault(place, &Fault::Algorithm(written.clone()))),
        };
        match key.map(|key| key.algorithm()).filter(|fitting| *fitting != wanted) {
            Some(fitting) => Err(self.fault(place, &Fault::AlgorithmOfOtherKey(written.clone(), fitting))),
            None => Ok(()),
        }
    }

    fn domain(&mut self, tags: &Tags, implied: Implied<'_>, place: &Place) -> Result<SigningDomain, Flaw> {
        let text = match (&tags.domain, implied) {
            (Some(template), _) => {
                let template = template.clone().with_key(implied.key());
                match template.expand(&Values::default()) {
                    Some(text) => text,
                    None => return Ok(SigningDomain::Template(template)),
                }
            }
            (None, Implied::Domain(domain)) => domain.to_owned(),
            (None, Implied::AuthorDomain) => return Ok(SigningDomain::OfAuthor),
            (None, Implied::Nothing) => return Err(self.fault(place, &Fault::NoDomain)),
        };
        let domain = DomainName::new(&text).map_err(|error| self.fault(place, &Fault::Domain(text, error)))?;
        Ok(SigningDomain::Fixed(domain))
    }

    fn identity(
        &mut self,
        tags: &Tags,
        implied: Implied<'_>,
        domain: &SigningDomain,
        place: &Place,
    ) -> Result<Option<SigningIdentity>, Flaw> {
        let Some(written) = tags.identity.as_ref().or(self.defaults.identity.as_ref()) else { return Ok(None) };
        let template = written.clone().with_key(implied.key());
        let Some(text) = template.expand(&Values::default()) else {
            return Ok(Some(SigningIdentity::Template(template)));
        };
        let identity = match Identity::new(text.as_bytes()) {
            Ok(identity) => identity,
            Err(error) => return Err(self.fault(place, &Fault::Identity(text, error))),
        };
        match domain {
            SigningDomain::Fixed(domain) if identity.domain().is_within(domain) => {
                Ok(Some(SigningIdentity::Fixed(identity)))
            }
            // The option `identity` is for the signatures it fits.
            SigningDomain::Fixed(_) if tags.identity.is_none() => Ok(None),
            SigningDomain::Fixed(domain) => Err(self.fault(place, &Fault::IdentityOutside(text, domain.clone()))),
            _ => Ok(Some(SigningIdentity::Template(template))),
        }
    }

    fn lacks(&mut self, place: &Place, fault: Fault, caution: Caution) -> Flaw {
        if self.lenient {
            self.caution(place, &caution);
            Flaw::Incomplete
        } else {
            self.fault(place, &fault)
        }
    }

    fn fault(&mut self, place: &Place, fault: &Fault) -> Flaw {
        self.report.problem(place, fault.kind(), fault);
        Flaw::Mistake
    }

    fn caution(&mut self, place: &Place, caution: &Caution) {
        self.report.warn(place, caution.kind(), caution);
    }
}

/// c= as it is written, and what it means.
struct Method {
    meant: Canonicalization,
    written: String,
}

impl Default for Method {
    fn default() -> Self {
        Self { meant: Canonicalization::RELAXED, written: Canonicalization::RELAXED.to_string() }
    }
}

/// Covers each named field where it is present; one that is named twice is sealed as well. (From is covered in any case,
/// the core sees to that.)
fn covered_fields(names: &[String]) -> CoveredFields {
    let times = |name: &str| names.iter().filter(|other| other.eq_ignore_ascii_case(name)).count();
    let (sealed, present) = names.iter().cloned().partition(|name| times(name) > 1);
    CoveredFields { present, sealed, sealed_if_present: Vec::new() }
}

impl Implied<'_> {
    fn key(&self) -> Option<&str> {
        match self {
            Self::Domain(domain) => Some(domain),
            Self::AuthorDomain | Self::Nothing => None,
        }
    }
}

impl Fault {
    fn kind(&self) -> &'static str {
        match self {
            Self::NoKeyFile => "no key file",
            Self::NoSelector => "no selector",
            Self::NoDomain => "no domain",
            Self::Selector(..) => "selector",
            Self::Domain(..) => "domain",
            Self::Identity(..) | Self::IdentityOutside(..) => "identity",
            Self::Method(_) | Self::DomainKeysMethod(_) => "method",
            Self::Algorithm(_) | Self::AlgorithmOfOtherKey(..) => "algorithm",
        }
    }
}

impl Difference {
    fn kind(&self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Method => "method",
            Self::Headers => "headers",
            Self::Look => "look",
        }
    }
}

impl Caution {
    fn kind(&self) -> &'static str {
        match self {
            Self::Incomplete(what, ..) => what,
            Self::Sha1 => "rsa-sha1",
            Self::Nowsp => "nowsp",
            Self::UnknownTag(_) => "unknown tag",
            Self::DomainKeys => "domainkeys",
            Self::DomainKeysAlgorithm => "domainkeys algorithm",
        }
    }
}
