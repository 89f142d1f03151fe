//! What the options of dkimproxy-in mean.

use crate::resolver::{Dns, NetworkResolver};
use dkimproxy_auth::{
    keys::{KeyFetcher, KeyLimits},
    results::AuthservId,
};
use dkimproxy_core::verify::VerifyPolicy;
use dkimproxy_daemon::config::{OptionDef, Problems, RawConfig, Section, hostname, value};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// The options of dkimproxy-in's own.
pub(crate) static OPTIONS: &[Section] = &[
    Section { title: "Results", options: RESULTS },
    Section { title: "Verification", options: VERIFICATION },
    Section { title: "DNS", options: DNS },
];

const RESULTS: &[OptionDef] = &[
    OptionDef::new("authserv_id", "NAME", "Name we give in Authentication-Results").example("mx.example.org").manual(
        "The authserv-id (RFC 8601 section 2.5): the same for all hosts of an organization, and no one else's. The \
         default is the value of hostname.",
    ),
    OptionDef::new("authserv_alias", "NAME", "Further name of ours in Authentication-Results")
        .repeats()
        .example("old-mx.example.org")
        .manual(
            "Fields with this name are removed from incoming messages as those with authserv_id and hostname are. May \
             be given several times.",
        ),
    OptionDef::new("remove_results", "own|all|none", "Which Authentication-Results to remove").default("own").manual(
        "A message may bring Authentication-Results fields along. Those that claim to be ours (or whose name nobody \
         can read) are forged and removed: own. With all, those of other hosts are removed as well; with none, nothing \
         is, and a reader can be deceived unless something else removes them.\n\n\
         X-DKIM-Authentication-Results has no name in it, so own removes each of them.\n\n\
         Removal comes after verification. Signatures that cover a removed field do not verify at later hosts.",
    ),
];

const VERIFICATION: &[OptionDef] = &[
    OptionDef::switch("reject_fail", "Refuse messages whose signature is wrong").default("off").manual(
        "Answers 550 5.7.20 if a message has signatures, none of them passes, and at least one is wrong (result fail: \
         the message was changed on its way, or somebody made the signature up) while none may yet turn out good \
         (result temperror). Keys in test mode (t=y) do not count.\n\n\
         Messages without signature and signatures that cannot be verified for other reasons pass. Think twice: RFC \
         6376 section 6.1 asks to treat a bad signature like none, and mailing lists break signatures. Never behind a \
         queue (content_filter), where each refusal becomes a bounce to an innocent.\n\n\
         In DKIMproxy 1.4 this depended on policies that no longer exist (ADSP), and in the file the key had no \
         effect.",
    ),
    OptionDef::switch("reject_error", "Refuse messages for now if DNS has no answer").default("off").manual(
        "Answers 451 4.7.5 if no signature passes and the key of at least one could not be fetched (result temperror); \
         the client tries again later. Otherwise the message passes with that result.\n\n\
         A signature that was looked at and failed is never a reason for this answer.",
    ),
    OptionDef::new("max_signatures", "NUMBER", "Signatures verified per message")
        .default("20")
        .manual("Counted from the top of the message. Those beyond are not looked at; their result is permerror."),
    OptionDef::new("clock_skew", "TIME", "How far clocks may differ")
        .default("300")
        .manual("Applied to the time of signing (t=) and of expiry (x=) of a signature."),
];

const DNS: &[OptionDef] = &[
    OptionDef::new("resolver", "ADDRESS[:PORT]", "Name server to ask").repeats().example("127.0.0.1").manual(
        "An IP address; an IPv6 address with port is written in brackets: [::1]:53. May be given several times. The \
         default is what /etc/resolv.conf says. A validating, caching resolver on this host is best.",
    ),
    OptionDef::new("dns_timeout", "TIME", "Time for all DNS questions of a message").default("20").manual(
        "All questions are asked at once, while the body of the message still comes in. What has no answer by then is \
         temperror.",
    ),
];

/// What the options mean.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The name in the fields we write.
    pub(crate) id: AuthservId,
    /// All names of ours, that one too.
    pub(crate) our_ids: Vec<AuthservId>,
    pub(crate) remove: Remove,
    pub(crate) reject_fail: bool,
    pub(crate) reject_error: bool,
    pub(crate) policy: VerifyPolicy,
    /// Empty: those of the system.
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) dns_timeout: Duration,
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

const REMOVE: &[(&str, Remove)] = &[("own", Remove::Own), ("all", Remove::All), ("none", Remove::Nothing)];
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

impl Config {
    /// Understands the options. None: `problems` says why.
    pub(crate) fn from_raw(raw: &RawConfig, problems: &mut Problems) -> Option<Self> {
        let before = problems.len();
        let id = authserv_id(raw, problems);
        let aliases = raw.parsed_all("authserv_alias", problems, named_id);
        let remove = raw.parsed("remove_results", problems, value::one_of(REMOVE));
        let reject_fail = raw.is_on("reject_fail", problems);
        let reject_error = raw.is_on("reject_error", problems);
        let max_signatures = raw.parsed("max_signatures", problems, value::number(1..=1000));
        let clock_skew = raw.parsed("clock_skew", problems, value::duration(Duration::ZERO..=7 * DAY));
        let servers = raw.parsed_all("resolver", problems, server);
        let dns_timeout = raw.parsed("dns_timeout", problems, value::duration(Duration::from_secs(1)..=5 * MINUTE));
        let id = id?;
        let config = Self {
            our_ids: aliases.into_iter().chain(AuthservId::new(&hostname(raw))).chain([id.clone()]).collect(),
            id,
            remove: remove?,
            reject_fail,
            reject_error,
            policy: VerifyPolicy {
                max_signatures: usize::try_from(max_signatures?).unwrap_or(usize::MAX),
                clock_skew: clock_skew?.as_secs(),
            },
            servers,
            dns_timeout: dns_timeout?,
        };
        (problems.len() == before).then_some(config)
    }

    /// Fetches keys from the name servers.
    pub(crate) fn network_keys(&self) -> Result<KeyFetcher<Dns>, String> {
        let resolver = NetworkResolver::new(&self.servers).map_err(|error| format!("DNS cannot be asked: {error}"))?;
        Ok(self.keys(Dns::Network(resolver)))
    }

    /// Fetches keys from there.
    pub(crate) fn keys(&self, dns: Dns) -> KeyFetcher<Dns> {
        KeyFetcher::new(dns, KeyLimits { time: self.dns_timeout, ..KeyLimits::default() })
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
    notes
}

fn authserv_id(raw: &RawConfig, problems: &mut Problems) -> Option<AuthservId> {
    if raw.is_written("authserv_id") {
        return raw.parsed("authserv_id", problems, named_id);
    }
    let name = hostname(raw);
    named_id(&name).map_err(|message| problems.key(raw, "hostname", message)).ok()
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
    use dkimproxy_daemon::config::{Entry, Origin};

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
        assert_eq!(config.remove, Remove::Own);
        assert!(!config.reject_fail && !config.reject_error && config.servers.is_empty());
        assert_eq!((config.policy.max_signatures, config.policy.clock_skew), (20, 300));
        assert_eq!(config.dns_timeout, Duration::from_secs(20));
    }

    #[test]
    fn everything_written() {
        let config = read(&[
            ("hostname", "mx1.example.org"),
            ("authserv-id", "Example.org/mx1"),
            ("authserv_alias", "old.example.org"),
            ("authserv_alias", "b\u{fc}cher.example"),
            ("remove_results", "ALL"),
            ("reject_fail", "1"),
            ("reject-error", "yes"),
            ("max_signatures", "5"),
            ("clock_skew", "1h"),
            ("resolver", "192.0.2.1"),
            ("resolver", "192.0.2.1:5353"),
            ("resolver", "::1"),
            ("resolver", "[::1]:5353"),
            ("dns_timeout", "5s"),
        ])
        .unwrap();
        assert_eq!(config.id.as_str(), "example.org/mx1");
        let ours: Vec<&str> = config.our_ids.iter().map(AuthservId::as_str).collect();
        assert_eq!(ours, ["old.example.org", "xn--bcher-kva.example", "mx1.example.org", "example.org/mx1"]);
        assert_eq!(config.remove, Remove::All);
        assert!(config.reject_fail && config.reject_error);
        assert_eq!((config.policy.max_signatures, config.policy.clock_skew), (5, 3600));
        let servers: Vec<String> = config.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "192.0.2.1:5353", "[::1]:53", "[::1]:5353"]);
        assert_eq!(config.dns_timeout, Duration::from_secs(5));
    }

    #[test]
    fn all_mistakes_at_once() {
        let problems = read(&[
            ("hostname", "mx.example.org"),
            ("authserv_id", "not a name"),
            ("authserv_alias", "a;b"),
            ("remove_results", "some"),
            ("reject_fail", "perhaps"),
            ("max_signatures", "0"),
            ("clock_skew", "soon"),
            ("resolver", "dns.example.org"),
            ("dns_timeout", "0"),
        ])
        .unwrap_err();
        let keys: Vec<&str> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
        assert_eq!(
            keys,
            [
                "--authserv_id",
                "--authserv_alias",
                "--remove_results",
                "--reject_fail",
                "--max_signatures",
                "--clock_skew",
                "--resolver",
                "--dns_timeout",
            ]
        );
        let resolver = problems.iter().find(|problem| problem.starts_with("--resolver")).unwrap();
        assert!(resolver.contains("\"dns.example.org\" is no IP address"), "{resolver}");
    }

    #[test]
    fn a_host_name_that_is_none_is_said_to_be_so() {
        assert!(read(&[("hostname", "my host")]).unwrap_err()[0].starts_with("--hostname: \"my host\""));
        assert!(read(&[("hostname", "my host"), ("authserv_id", "mx.example.org")]).is_ok());
    }
}
