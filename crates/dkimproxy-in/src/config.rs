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
    Section {
        title: "Results",
        options: &[
            OptionDef::new("authserv_id", "NAME", "Name we give in Authentication-Results")
                .example("mx.example.org")
                .manual(
                    "The authserv-id (RFC 8601 section 2.5): the same for all hosts of an organization, and no one \
                     else's. The default is the value of hostname.",
                ),
            OptionDef::new("authserv_alias", "NAME", "Further name of ours in Authentication-Results")
                .repeats()
                .example("old-mx.example.org")
                .manual(
                    "Fields with this name are removed from incoming messages as those with authserv_id and hostname \
                     are. May be given several times.",
                ),
            OptionDef::new("remove_results", "own|all|none", "Which Authentication-Results to remove").default("own").manual(
                "A message may bring Authentication-Results fields along. Those that claim to be ours (or whose name \
                 nobody can read) are forged and removed: own. With all, those of other hosts are removed as well; \
                 with none, nothing is, and a reader can be deceived unless something else removes them.\n\n\
                 X-DKIM-Authentication-Results has no name in it, so own removes each of them.\n\n\
                 Removal comes after verification. Signatures that cover a removed field do not verify at later hosts.",
            ),
        ],
    },
    Section {
        title: "Verification",
        options: &[
            OptionDef::switch("reject_fail", "Refuse messages whose signature is wrong").default("off").manual(
                "Answers 550 5.7.20 if a message has signatures, none of them passes, and at least one is wrong (result \
                 fail: the message was changed on its way, or somebody made the signature up). Keys in test mode \
                 (t=y) do not count.\n\n\
                 Messages without signature and signatures that cannot be verified for other reasons pass. Think \
                 twice: RFC 6376 section 6.1 asks to treat a bad signature like none, and mailing lists break \
                 signatures. Never behind a queue (content_filter), where each refusal becomes a bounce to an innocent.\n\n\
                 In DKIMproxy 1.4 this depended on policies that no longer exist (ADSP), and in the file the key had \
                 no effect.",
            ),
            OptionDef::switch("reject_error", "Refuse messages for now if DNS has no answer").default("off").manual(
                "Answers 451 4.7.5 if no signature passes and the key of at least one could not be fetched (result \
                 temperror); the client tries again later. Otherwise the message passes with that result.\n\n\
                 A signature that was looked at and failed is never a reason for this answer.",
            ),
            OptionDef::new("max_signatures", "NUMBER", "Signatures verified per message").default("20").manual(
                "Counted from the top of the message. Those beyond are not looked at; their result is permerror.",
            ),
            OptionDef::new("clock_skew", "TIME", "How far clocks may differ").default("300").manual(
                "Applied to the time of signing (t=) and of expiry (x=) of a signature.",
            ),
        ],
    },
    Section {
        title: "DNS",
        options: &[
            OptionDef::new("resolver", "ADDRESS[:PORT]", "Name server to ask").repeats().example("127.0.0.1").manual(
                "An IP address; an IPv6 address with port is written in brackets: [::1]:53. May be given several \
                 times. The default is what /etc/resolv.conf says. A validating, caching resolver on this host is best.",
            ),
            OptionDef::new("dns_timeout", "TIME", "Time for all DNS questions of a message").default("20").manual(
                "All questions are asked at once, while the body of the message still comes in. What has no answer by \
                 then is temperror.",
            ),
        ],
    },
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

impl Config {
    /// Understands the options. None: `problems` says why.
    pub(crate) fn from_raw(raw: &RawConfig, problems: &mut Problems) -> Option<Self> {
        let before = problems.len();
        let id = authserv_id(raw, problems);
        let mut our_ids = raw.parsed_all("authserv_alias", problems, named_id);
        our_ids.extend(AuthservId::new(&hostname(raw)));
        our_ids.extend(id.clone());
        let seconds = |from, to| value::duration(Duration::from_secs(from)..=Duration::from_secs(to));
        let remove = [("own", Remove::Own), ("all", Remove::All), ("none", Remove::Nothing)];
        let remove = raw.parsed("remove_results", problems, |text| {
            let found = remove.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
            found.map(|(_, remove)| *remove).ok_or_else(|| format!("\"{text}\" is none of own, all, none"))
        });
        let max_signatures = raw.parsed("max_signatures", problems, value::number(1..=1000));
        let clock_skew = raw.parsed("clock_skew", problems, seconds(0, 7 * 24 * 3600));
        let config = Self {
            id: id?,
            our_ids,
            remove: remove?,
            reject_fail: raw.is_on("reject_fail", problems),
            reject_error: raw.is_on("reject_error", problems),
            policy: VerifyPolicy {
                max_signatures: usize::try_from(max_signatures?).unwrap_or(usize::MAX),
                clock_skew: clock_skew?.as_secs(),
            },
            servers: raw.parsed_all("resolver", problems, server),
            dns_timeout: raw.parsed("dns_timeout", problems, seconds(1, 300))?,
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
