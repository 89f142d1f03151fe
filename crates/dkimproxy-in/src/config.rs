//! What the options of dkimproxy-in mean.

mod options;

pub(crate) use options::OPTIONS;

use crate::{
    policy::{Action, Answer, LocalRules, Method, RequireAligned, Rule},
    resolver::{Dns, NetworkResolver},
};
use dkimproxy_auth::{
    authenticate::{Authenticator, Settings, SeveralAuthors},
    dns::CacheLimits,
    keys::KeyLimits,
    results::AuthservId,
    spf::Limits,
};
use dkimproxy_core::{domain::DomainName, verify::VerifyPolicy};
use dkimproxy_daemon::{
    config::{Entry, Origin, Problem, Problems, RawConfig, hostname, value},
    network::{Network, NetworkError, Networks},
};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// What the options mean.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The name in the fields we write.
    pub(crate) id: AuthservId,
    /// The name of this host.
    pub(crate) hostname: String,
    pub(crate) removal: Removal,
    pub(crate) clients: Clients,
    pub(crate) checks: Checks,
    pub(crate) received_spf: bool,
    pub(crate) verify: VerifyPolicy,
    pub(crate) local: LocalRules,
    pub(crate) actions: Actions,
    pub(crate) dns: DnsSettings,
}

/// What is taken out of a message.
#[derive(Debug, Clone)]
pub(crate) struct Removal {
    pub(crate) which: Remove,
    /// All names of ours.
    pub(crate) ours: Vec<AuthservId>,
    /// Foreign names of which nothing is taken out.
    pub(crate) keep: Vec<AuthservId>,
}

/// Which Authentication-Results of an incoming message are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remove {
    /// Those that claim to be ours.
    Own,
    /// All.
    All,
    /// None.
    Nothing,
}

/// Whom we believe.
#[derive(Debug, Clone, Default)]
pub(crate) struct Clients {
    /// Who may say by XFORWARD who the client is.
    pub(crate) xforward: Networks,
    /// Relays of ours.
    pub(crate) trusted: Networks,
}

/// What is checked besides DKIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checks {
    pub(crate) spf: bool,
    pub(crate) dmarc: bool,
    pub(crate) arc: bool,
    pub(crate) iprev: bool,
    pub(crate) domainkeys: bool,
    /// ADSP, and with `domainkeys` the policy of DomainKeys.
    pub(crate) author_policy: bool,
}

/// What is done with a message for its results.
#[derive(Debug, Clone, Default)]
pub(crate) struct Actions {
    /// In the order in which they are tried; reject_fail and reject_error stand last.
    pub(crate) rules: Vec<Rule>,
    /// Refuse what an author policy wants refused.
    pub(crate) obey_author_policy: bool,
    /// Do what the domain asks for by DMARC.
    pub(crate) obey_dmarc: bool,
    /// Whose seals may lift a DMARC failure.
    pub(crate) sealers: Vec<DomainName>,
    /// Only write down what would be done.
    pub(crate) dry_run: bool,
}

/// How DNS is asked.
#[derive(Debug, Clone)]
pub(crate) struct DnsSettings {
    /// Empty: those of the system.
    pub(crate) servers: Vec<SocketAddr>,
    /// For all questions of a message.
    pub(crate) time: Duration,
    /// How long an answer that is out of date may stand in.
    pub(crate) stale: Duration,
}

const REMOVE: &[(&str, Remove)] = &[("own", Remove::Own), ("all", Remove::All), ("none", Remove::Nothing)];
const UNCOVERED: &[(&str, bool)] = &[("policy", false), ("accept", true)];
const ALIGNED: &[(&str, RequireAligned)] =
    &[("off", RequireAligned::Off), ("relaxed", RequireAligned::Relaxed), ("strict", RequireAligned::Strict)];
const DMARC_ACTION: &[(&str, bool)] = &[("none", false), ("policy", true)];
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Config {
    /// Understands the options. None: `problems` says why.
    pub(crate) fn from_raw(raw: &RawConfig, problems: &mut Problems) -> Option<Self> {
        let before = problems.len();
        let id = authserv_id(raw, problems);
        let removal = removal(raw, id.as_ref(), problems);
        let clients = clients(raw, problems);
        let checks = checks(raw, problems);
        let received_spf = raw.is_on("received_spf", problems);
        if received_spf && !checks.spf {
            problems.key(raw, "received_spf", off(Method::Spf));
        }
        let verify = verify_policy(raw, problems);
        let local = local_rules(raw, checks, problems);
        let actions = actions(raw, checks, problems);
        let dns = dns(raw, problems);
        let config = Self {
            id: id?,
            hostname: hostname(raw),
            removal: removal?,
            clients,
            checks,
            received_spf,
            verify: verify?,
            local: local?,
            actions: actions?,
            dns: dns?,
        };
        (problems.len() == before).then_some(config)
    }

    /// Asks the name servers.
    pub(crate) fn ask_network(&self) -> Result<Authenticator<Dns>, String> {
        let resolver =
            NetworkResolver::new(&self.dns.servers).map_err(|error| format!("DNS cannot be asked: {error}"))?;
        Ok(self.ask(Dns::Network(resolver)))
    }

    /// Asks there.
    pub(crate) fn ask(&self, dns: Dns) -> Authenticator<Dns> {
        let settings = Settings {
            time: self.dns.time,
            spf: self.checks.spf,
            dmarc: self.checks.dmarc,
            iprev: self.checks.iprev,
            spf_limits: Limits { time: self.dns.time, ..Limits::default() },
            receiver: self.hostname.clone(),
            several_authors: SeveralAuthors::NotApplicable,
            trusted_sealers: self.actions.sealers.clone(),
        };
        Authenticator::new(dns, settings, self.key_limits())
    }

    /// What holds for keys holds for all other answers, too.
    fn key_limits(&self) -> KeyLimits {
        let cache = CacheLimits { stale: self.dns.stale, ..CacheLimits::default() };
        KeyLimits { cache, ..KeyLimits::default() }
    }
}

/// What an administrator should be told, though it is no mistake.
pub(crate) fn notes(raw: &RawConfig) -> Vec<String> {
    let mut notes = Vec::new();
    if !raw.is_written("resolver") {
        notes.extend(crate::resolver::system_problem());
    }
    if !raw.is_written("authserv_id") && !hostname(raw).contains('.') {
        notes.push(format!(
            "hostname: \"{}\" is a short name, which other hosts may have too; Authentication-Results needs a full one \
             (hostname or authserv_id)",
            hostname(raw)
        ));
    }
    notes.extend(raw.entries.iter().filter_map(revived));
    notes
}

/// Keys that 1.4.1 ignored in its file: mail may fare differently now.
fn revived(entry: &Entry) -> Option<String> {
    let refused = match entry.key.name {
        "reject_fail" => "mail whose signature is wrong",
        "reject_error" => "mail whose key cannot be fetched",
        _ => return None,
    };
    let in_file = matches!(entry.origin, Origin::File { .. });
    let problem = Problem {
        origin: entry.origin.clone(),
        key: entry.key.name.to_owned(),
        message: format!("1.4.1 ignored this key in the file; it counts now, so {refused} is refused"),
    };
    (in_file && value::on_off(&entry.value) == Ok(true)).then(|| problem.to_string())
}

fn authserv_id(raw: &RawConfig, problems: &mut Problems) -> Option<AuthservId> {
    if raw.is_written("authserv_id") {
        return raw.parsed("authserv_id", problems, named_id);
    }
    let name = hostname(raw);
    named_id(&name).map_err(|message| problems.key(raw, "hostname", message)).ok()
}

fn removal(raw: &RawConfig, id: Option<&AuthservId>, problems: &mut Problems) -> Option<Removal> {
    let aliases = raw.parsed_all("authserv_alias", problems, named_id);
    let keep = raw.parsed_all("keep_results", problems, named_id);
    let which = raw.parsed("remove_results", problems, value::one_of(REMOVE));
    let ours = aliases.into_iter().chain(AuthservId::new(&hostname(raw))).chain([id?.clone()]).collect();
    Some(Removal { which: which?, ours, keep })
}

fn clients(raw: &RawConfig, problems: &mut Problems) -> Clients {
    let ranges = |key, problems: &mut Problems| -> Networks {
        let read = raw.parsed_all(key, problems, networks);
        read.into_iter().flatten().collect()
    };
    // The daemon reads this one too, and says what is wrong with it.
    let xforward = ranges("xforward_hosts", &mut Problems::default());
    Clients { xforward, trusted: ranges("trusted_networks", problems) }
}

fn checks(raw: &RawConfig, problems: &mut Problems) -> Checks {
    let mut is_on = |key| raw.is_on(key, problems);
    Checks {
        spf: is_on("spf"),
        dmarc: is_on("dmarc"),
        arc: is_on("arc"),
        iprev: is_on("iprev"),
        domainkeys: is_on("domainkeys"),
        author_policy: is_on("author_policy"),
    }
}

impl Checks {
    fn has(self, method: Method) -> bool {
        match method {
            Method::Dkim => true,
            Method::Spf => self.spf,
            Method::Dmarc => self.dmarc,
            Method::Arc => self.arc,
            Method::IpRev => self.iprev,
            Method::DomainKeys => self.domainkeys,
        }
    }
}

fn verify_policy(raw: &RawConfig, problems: &mut Problems) -> Option<VerifyPolicy> {
    let max_signatures = raw.parsed("max_signatures", problems, value::number(1..=1000));
    let clock_skew = raw.parsed("clock_skew", problems, value::duration(Duration::ZERO..=7 * DAY));
    Some(VerifyPolicy {
        max_signatures: usize::try_from(max_signatures?).unwrap_or(usize::MAX),
        clock_skew: clock_skew?.as_secs(),
    })
}

fn local_rules(raw: &RawConfig, checks: Checks, problems: &mut Problems) -> Option<LocalRules> {
    let accept_uncovered = raw.parsed("uncovered_body", problems, value::one_of(UNCOVERED));
    let min_key_bits = raw.parsed("min_key_bits", problems, value::number(1024..=16_384));
    let aligned = raw.parsed("require_aligned", problems, value::one_of(ALIGNED));
    if aligned == Some(RequireAligned::Relaxed) && !checks.dmarc {
        problems.key(raw, "require_aligned", off(Method::Dmarc));
    }
    Some(LocalRules {
        accept_uncovered: accept_uncovered?,
        min_key_bits: usize::try_from(min_key_bits?).unwrap_or(usize::MAX),
        aligned: aligned?,
    })
}

fn actions(raw: &RawConfig, checks: Checks, problems: &mut Problems) -> Option<Actions> {
    let mut rules = raw.parsed_all("action", problems, |text| rule(text, checks));
    let reject_fail = raw.is_on("reject_fail", problems);
    if reject_fail {
        rules.push(Rule::simple(Method::Dkim, "fail", Action::Reject(Answer::default())));
    }
    if raw.is_on("reject_error", problems) {
        rules.push(Rule::simple(Method::Dkim, "temperror", Action::TempFail(Answer::default())));
    }
    let obey_dmarc = raw.parsed("dmarc_action", problems, value::one_of(DMARC_ACTION));
    if obey_dmarc == Some(true) && !checks.dmarc {
        problems.key(raw, "dmarc_action", off(Method::Dmarc));
    }
    let sealers = raw.parsed_all("arc_trusted_sealers", problems, domains).concat();
    if !sealers.is_empty() && !checks.arc {
        problems.key(raw, "arc_trusted_sealers", off(Method::Arc));
    }
    Some(Actions {
        rules,
        obey_author_policy: reject_fail && checks.author_policy,
        obey_dmarc: obey_dmarc?,
        sealers,
        dry_run: raw.is_on("dry_run", problems),
    })
}

fn rule(text: &str, checks: Checks) -> Result<Rule, String> {
    let rule = Rule::parse(text).map_err(|error| error.to_string())?;
    let absent = rule.conditions.iter().map(|condition| condition.method).find(|method| !checks.has(*method));
    absent.map_or(Ok(rule), |method| Err(off(method)))
}

/// A rule about a check that is not made would never do anything.
fn off(method: Method) -> String {
    format!("the check is switched off; \"{method} on\" is right")
}

fn dns(raw: &RawConfig, problems: &mut Problems) -> Option<DnsSettings> {
    let servers = raw.parsed_all("resolver", problems, server);
    let time = raw.parsed("dns_timeout", problems, value::duration(SECOND..=5 * MINUTE));
    let stale = raw.parsed("stale_time", problems, value::duration(Duration::ZERO..=7 * DAY));
    Some(DnsSettings { servers, time: time?, stale: stale? })
}

/// Address ranges with commas or blanks between them.
fn networks(text: &str) -> Result<Vec<Network>, NetworkError> {
    value::words(text).map(str::parse).collect()
}

fn domains(text: &str) -> Result<Vec<DomainName>, String> {
    let domain = |word: &str| DomainName::new(word).map_err(|error| format!("\"{word}\" is no domain name: {error}"));
    value::words(text).map(domain).collect()
}

fn named_id(text: &str) -> Result<AuthservId, String> {
    AuthservId::new(text).map_err(|error| format!("\"{text}\": {error}"))
}

fn server(text: &str) -> Result<SocketAddr, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53));
    let address = address.or_else(|_| text.parse::<SocketAddr>());
    match address {
        Ok(address) if address.port() != 0 => Ok(address),
        _ => Err(format!("\"{text}\" is no IP address, with or without port: 127.0.0.1, 127.0.0.1:5353, [::1]:53")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PROGRAM;

    fn read(written: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let entry = |(key, text): &(&str, &str)| Entry {
            key: PROGRAM.option(key).unwrap(),
            value: (*text).to_owned(),
            origin: Origin::Flag,
        };
        let raw = RawConfig::new(&PROGRAM, written.iter().map(entry).collect(), Vec::new());
        let mut problems = Problems::default();
        let config = Config::from_raw(&raw, &mut problems);
        assert_eq!(config.is_none(), !problems.is_empty());
        config.ok_or_else(|| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn defaults() {
        let config = read(&[("hostname", "mx.example.org")]).unwrap();
        assert_eq!(config.id.as_str(), "mx.example.org");
        assert_eq!(config.removal.which, Remove::Own);
        assert!(config.removal.keep.is_empty() && config.clients.trusted.is_empty() && !config.received_spf);
        assert_eq!(config.clients.xforward, Networks::loopback());
        let checks =
            Checks { spf: true, dmarc: true, arc: true, iprev: false, domainkeys: false, author_policy: false };
        assert_eq!(config.checks, checks);
        let local = LocalRules { accept_uncovered: false, min_key_bits: 1024, aligned: RequireAligned::Off };
        assert_eq!(config.local, local);
        let actions = &config.actions;
        assert!(actions.rules.is_empty() && !actions.obey_author_policy);
        assert!(!actions.obey_dmarc && actions.sealers.is_empty() && !actions.dry_run);
        assert_eq!((config.verify.max_signatures, config.verify.clock_skew), (20, 300));
        assert!(config.dns.servers.is_empty());
        assert_eq!((config.dns.time, config.dns.stale), (Duration::from_secs(20), Duration::ZERO));
    }

    #[test]
    fn everything_written() {
        let config = read(&[
            ("hostname", "mx1.example.org"),
            ("authserv-id", "Example.org/mx1"),
            ("authserv_alias", "old.example.org"),
            ("authserv_alias", "b\u{fc}cher.example"),
            ("remove_results", "ALL"),
            ("keep_results", "mx.partner.example"),
            ("trusted_networks", "192.0.2.0/28, 2001:db8::1"),
            ("trusted_networks", "203.0.113.5"),
            ("xforward_hosts", "198.51.100.1"),
            ("received_spf", "on"),
            ("iprev", "on"),
            ("arc", "on"),
            ("domainkeys", "yes"),
            ("author_policy", "on"),
            ("uncovered_body", "accept"),
            ("min_key_bits", "2048"),
            ("require_aligned", "strict"),
            ("action", "spf=fail dkim=none reject"),
            ("action", "iprev=fail add_header X-Iprev: fail"),
            ("reject_fail", "1"),
            ("reject-error", "yes"),
            ("dmarc_action", "policy"),
            ("arc_trusted_sealers", "lists.example.org, B\u{fc}cher.example"),
            ("arc_trusted_sealers", "example.com"),
            ("dry_run", "on"),
            ("max_signatures", "5"),
            ("clock_skew", "1h"),
            ("resolver", "192.0.2.1"),
            ("resolver", "192.0.2.1:5353"),
            ("resolver", "::1"),
            ("resolver", "[::1]:5353"),
            ("dns_timeout", "5s"),
            ("stale_time", "1d"),
        ])
        .unwrap();
        assert_eq!(config.id.as_str(), "example.org/mx1");
        let names = |ids: &[AuthservId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let ours = ["old.example.org", "xn--bcher-kva.example", "mx1.example.org", "example.org/mx1"];
        assert_eq!(names(&config.removal.ours), ours);
        assert_eq!(
            (config.removal.which, names(&config.removal.keep)),
            (Remove::All, vec!["mx.partner.example".into()])
        );
        assert_eq!(config.clients.trusted, "192.0.2.0/28 2001:db8::1 203.0.113.5".parse().unwrap());
        assert_eq!(config.clients.xforward, "198.51.100.1".parse().unwrap());
        assert!(config.received_spf && config.checks.iprev && config.checks.domainkeys);
        let local = LocalRules { accept_uncovered: true, min_key_bits: 2048, aligned: RequireAligned::Strict };
        assert_eq!(config.local, local);
        let rules =
            ["spf=fail dkim=none reject", "iprev=fail add_header X-Iprev: fail"].map(|text| Rule::parse(text).unwrap());
        let [first, second, fail, error] = config.actions.rules.as_slice() else { panic!("{:?}", config.actions) };
        assert_eq!([first, second], rules.each_ref());
        assert_eq!(fail, &Rule::parse("dkim=fail reject").unwrap());
        assert_eq!(error, &Rule::parse("dkim=temperror tempfail").unwrap());
        assert!(config.actions.obey_author_policy && config.actions.obey_dmarc && config.actions.dry_run);
        let sealers: Vec<&str> = config.actions.sealers.iter().map(DomainName::as_str).collect();
        assert_eq!(sealers, ["lists.example.org", "xn--bcher-kva.example", "example.com"]);
        assert_eq!((config.verify.max_signatures, config.verify.clock_skew), (5, 3600));
        let servers: Vec<String> = config.dns.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "192.0.2.1:5353", "[::1]:53", "[::1]:5353"]);
        assert_eq!((config.dns.time, config.key_limits().cache.stale), (Duration::from_secs(5), DAY));
    }

    #[test]
    fn all_mistakes_at_once() {
        let problems = read(&[
            ("hostname", "mx.example.org"),
            ("authserv_id", "not a name"),
            ("authserv_alias", "a;b"),
            ("keep_results", "a b"),
            ("remove_results", "some"),
            ("trusted_networks", "localhost"),
            ("spf", "maybe"),
            ("max_signatures", "0"),
            ("clock_skew", "soon"),
            ("uncovered_body", "drop"),
            ("min_key_bits", "512"),
            ("require_aligned", "on"),
            ("action", "dkim=wrong reject"),
            ("action", "iprev=fail reject"),
            ("reject_fail", "perhaps"),
            ("dmarc_action", "reject"),
            ("arc_trusted_sealers", "com"),
            ("resolver", "dns.example.org"),
            ("dns_timeout", "0"),
            ("stale_time", "1y"),
        ])
        .unwrap_err();
        let keys: Vec<&str> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(
            keys,
            [
                "--authserv_id",
                "--authserv_alias",
                "--keep_results",
                "--remove_results",
                "--trusted_networks",
                "--spf",
                "--max_signatures",
                "--clock_skew",
                "--uncovered_body",
                "--min_key_bits",
                "--require_aligned",
                "--action",
                "--action",
                "--reject_fail",
                "--dmarc_action",
                "--arc_trusted_sealers",
                "--resolver",
                "--dns_timeout",
                "--stale_time",
            ]
        );
        let resolver = problems.iter().find(|problem| problem.starts_with("--resolver")).unwrap();
        assert!(resolver.contains("\"dns.example.org\" is no IP address"), "{resolver}");
        assert!(problems.iter().any(|problem| problem == "--action: the check is switched off; \"iprev on\" is right"));
    }

    #[test]
    fn what_needs_a_check_that_is_off_is_a_mistake() {
        for (off, needs) in [
            ("dmarc", ("dmarc_action", "policy")),
            ("dmarc", ("require_aligned", "relaxed")),
            ("arc", ("arc_trusted_sealers", "example.org")),
            ("spf", ("action", "spf=fail reject")),
            ("spf", ("received_spf", "on")),
        ] {
            let problems = read(&[("hostname", "mx.example.org"), (off, "off"), needs]).unwrap_err();
            assert_eq!(problems, [format!("--{}: the check is switched off; \"{off} on\" is right", needs.0)]);
        }
    }

    #[test]
    fn a_host_name_that_is_none_is_said_to_be_so() {
        assert!(read(&[("hostname", "my host")]).unwrap_err()[0].starts_with("--hostname: \"my host\""));
        assert!(read(&[("hostname", "my host"), ("authserv_id", "mx.example.org")]).is_ok());
    }
}
