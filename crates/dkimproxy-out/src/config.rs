//! The options of this program: their definitions, and the step from what was written to rules and keys.

use crate::{
    author::AuthorField,
    cli,
    filter::{Policy, SigningFilter},
    keyring::{Defaults, Item, Keyring, LOOKS, Look, Sources, Template},
    report::{Findings, Place, Report},
};
use dkimproxy_daemon::config::{
    Entry, Example, OptionDef, Origin, Problem, Problems, Program, RawConfig, Section, value,
};
use std::path::PathBuf;

/// This program, as help, manual, sample file and start know it.
pub static PROGRAM: Program = Program {
    name: "dkimproxy-out",
    ident: "dkimproxy.out",
    version: env!("CARGO_PKG_VERSION"),
    about: "Signs outgoing mail with DKIM, as an SMTP content filter",
    description: DESCRIPTION,
    conf_file: "/etc/dkimproxy/dkimproxy_out.conf",
    sample_ports: (10027, 10028),
    options: &[Section { title: "Signing", options: OPTIONS }],
    commands: cli::commands,
    notes: changed_habits,
    files: &[
        ("/etc/dkimproxy/dkimproxy_out.conf", "The configuration; read when --conf_file names it."),
        ("/etc/dkimproxy/sender_map", "Which keys sign for which senders; read when sender_map names it."),
    ],
    examples: &[
        Example {
            about: "Make a key and see what to publish in DNS.",
            command: "dkimproxy-out genkey --domain example.org --selector dk2026 --out-file /etc/dkimproxy/dk2026.pem",
        },
        Example { about: "Run the daemon.", command: "dkimproxy-out --conf_file=/etc/dkimproxy/dkimproxy_out.conf" },
        Example {
            about: "See what would be done to a message.",
            command: "dkimproxy-out sign --conf_file=/etc/dkimproxy/dkimproxy_out.conf --header-only message.eml",
        },
    ],
};

const DESCRIPTION: &str = "\
dkimproxy-out stands between two SMTP services: it takes mail on its listening port, puts DKIM signatures before it \
and passes it on to its relay, in the same transaction. Nothing else in the message changes, and mail that no rule \
covers passes untouched.

Which keys sign a message is settled by the first of these that answers: the map of listid_map, by the List-Id \
field; the map of sender_map, by the author's address; the options domain and signature. The author is the address \
in From. If no rule knows it, the one in Sender is tried (see sign_for). The envelope plays no part.

All maps and keys are read and checked at start and at SIGHUP. A mistake in them is told with file and line, all \
mistakes at once.";

/// The options of this program's own.
pub static OPTIONS: &[OptionDef] = &[
    OptionDef::new("sender_map", "FILE", "Rules by the author's address").example("/etc/dkimproxy/sender_map").manual(
        "Each line is KEY SIGNATURES. A key is user@domain, a domain (which covers its subdomains), or a dot for \
         everybody else; the most specific one counts, and user+extension@domain is also looked up as user@domain. \
         The case of keys does not matter. Lines beginning with # or ; are comments.\n\n\
         SIGNATURES is none, or signatures separated by commas, each written as in the option signature. Two with \
         different keys give two signatures. Where d= is absent, the domain of the key is signed for (under the dot: \
         the author's domain).\n\n\
         Example: example.org dkim(s=dk2026,key=/etc/dkimproxy/dk2026.pem)",
    )
    .difference(MAP_DIFFERENCE),
    OptionDef::new("listid_map", "FILE", "Rules by the List-Id field").example("/etc/dkimproxy/listid_map").manual(
        "Like sender_map, but the keys are List-Ids or parents of them. Where d= is absent, the domain of the key is \
         signed for; if the key is the whole List-Id, that is the key without its first label.",
    )
    .difference(MAP_DIFFERENCE),
    OptionDef::new("domain", "DOMAIN[,DOMAIN...]", "Domains to sign for with the option signature")
        .example("example.org")
        .manual(
            "With one domain, all mail that no map covers is signed for it, whoever the author is. With several, only \
         mail whose author is in one of them or in a subdomain; the longest that fits is the signing domain.",
        )
        .difference("blanks around its commas do not matter; in 1.4.1 the second domain of \"a, b\" was never found"),
    OptionDef::new("selector", "SELECTOR", "Selector, where a signature does not name one").example("dk2026"),
    OptionDef::new("keyfile", "FILE", "Private key, where a signature does not name one")
        .example("/etc/dkimproxy/private.pem")
        .manual(
            "RSA of 1024 to 4096 bits, or Ed25519, in PEM form (PKCS#1 or PKCS#8). Make one with dkimproxy-out \
             genkey. It is read at start, before privileges are given up, and at SIGHUP.",
        )
        .difference("read at start and at SIGHUP; 1.4.1 read it for each message, so a new key needed no signal"),
    OptionDef::new("signature", "SIGNATURE", "A signature to make where no map covers the mail")
        .repeats()
        .example("dkim(c=relaxed/relaxed)")
        .manual(
            "dkim, or dkim(TAG=VALUE,...). Give the option several times for several signatures; the first one stands \
             topmost. Without a map the default is dkim.\n\n\
             Tags: key (or keyfile) path of the private key; s (selector); d (domain) signing domain; c (method) \
             canonicalization of header and body, relaxed/relaxed where it is absent, while c=relaxed means \
             relaxed/simple; a (algorithm), not needed since the key settles it; i (identity), within d=; h \
             (headers) names of the header fields to cover, separated by colons, one that is named twice is also \
             sealed against additions; t=no leaves the time of signing out; lifetime=7d writes x=; layout=dkimproxy1 is \
             for one signature what the option layout is for all.\n\n\
             domainkeys, or domainkeys(TAG=VALUE,...), makes a signature of the historic DomainKeys (RFC 4870) with the \
             tags key, s, d and c, for mail whose Sender (or From) is within d= only. Receivers look at DKIM.\n\n\
             In d and i, $sender is the author's address, $senderdomain its domain, $key the domain of the rule that \
             matched, and $$ a dollar sign.",
        ),
    OptionDef::new("method", "METHOD", "Canonicalization, where a signature does not name one")
        .example("relaxed/relaxed")
        .manual(
            "simple/simple, simple/relaxed, relaxed/simple or relaxed/relaxed; a single word is for the header, with \
         simple for the body. Without it: relaxed/relaxed.",
        ),
    OptionDef::new("dkim_method", "METHOD", "Like method, and goes before it").example("relaxed/relaxed"),
    OptionDef::new("domainkeys_method", "METHOD", "Canonicalization of domainkeys signatures: nofws or simple")
        .example("nofws")
        .manual("Goes before method. Without both: nofws."),
    OptionDef::new("identity", "IDENTITY", "i=, where a signature does not name one").example("@example.org").manual(
        "It is written into the signatures whose signing domain it lies within. (DKIMproxy 1.4.1 ignored this option.)",
    )
    .difference("counts; 1.4.1 ignored it"),
    OptionDef::new("layout", "own|dkimproxy1", "Form of the signatures").default("own").manual(
        "With own, a signature covers the fields that receivers look at, a second From cannot be added, and the time of \
         signing is in it. With dkimproxy1 it is that of DKIMproxy 1.4.1, octet for octet where key, algorithm, domain \
         and method are the same: for comparisons, and for receivers that somebody has tuned to it.",
    ),
    OptionDef::new("sign_for", "FIELD[,FIELD]", "Fields that name the author: from, sender")
        .default("from,sender")
        .manual(
            "The addresses are tried in this order, the first that a rule knows counts. DKIMproxy 1.4.1 looked at \
 sender,from.",
        ),
    OptionDef::switch("reject_error", "Refuse mail that a rule covers but that cannot be signed").manual(
        "Without it such mail is passed on unsigned, and a warning is logged. With it the client is answered 450 \
         where trying again may help, 550 where the message itself is at fault (it has no From field, say), and 552 \
         where its header is longer than header_limit. Since keys are read at start, such trouble is rare.\n\n\
         DKIMproxy 1.4.1 ignored this option in the file, and heeded --reject-error only.",
    )
    .difference("counts wherever it is written; 1.4.1 heeded --reject-error with a hyphen only. The connection stays open"),
    OptionDef::new("header_limit", "SIZE", "Longest header section that is looked at")
        .default("1M")
        .manual("In octets, or with K or M. A message with a longer one cannot be signed; see reject_error."),
];

const MAP_DIFFERENCE: &str = "user+extension@domain finds user@domain and domain; keys in upper case, indented lines and \
    comments behind a rule count; the dot signs for the author's domain; mistakes are told at start, not by each message";

/// The names in `sign_for`.
const AUTHOR_FIELDS: &[(&str, AuthorField)] = &[("from", AuthorField::From), ("sender", AuthorField::Sender)];

/// Bounds of `header_limit`, in octets.
const HEADER_LIMITS: std::ops::RangeInclusive<u64> = 1024..=64 * 1024 * 1024;

/// What the options mean: rules, keys and policy, all checked. None: `problems` says why.
pub fn load(raw: &RawConfig, problems: &mut Problems) -> Option<SigningFilter> {
    let before = problems.len();
    let policy = policy(raw, problems);
    let sources = sources(raw, problems);
    let mut report = Report::default();
    let keyring = Keyring::load(&sources, &mut report);
    let Findings { problems: found, warnings, differences } = report.finish();
    found.into_iter().for_each(|problem| problems.push(problem));
    let lines = |notes: Vec<Problem>| notes.iter().map(Problem::to_string).collect();
    (problems.len() == before)
        .then(|| SigningFilter::new(keyring, policy).with_remarks(lines(warnings), lines(differences)))
}

/// Keys that count now though 1.4.1 did not heed them: to be said at start, since mail may fare differently.
pub fn changed_habits(raw: &RawConfig) -> Vec<String> {
    raw.entries.iter().filter_map(changed_habit).collect()
}

fn changed_habit(entry: &Entry) -> Option<String> {
    let from_file = matches!(entry.origin, Origin::File { .. });
    let message = match entry.key.name {
        "reject_error" if from_file && value::on_off(&entry.value) == Ok(true) => {
            "1.4.1 ignored this key in the file; it counts now, so mail that cannot be signed is refused"
        }
        "identity" => "1.4.1 ignored this key; it counts now",
        _ => return None,
    };
    Some(
        Problem { origin: entry.origin.clone(), key: entry.key.name.to_owned(), message: message.to_owned() }
            .to_string(),
    )
}

fn policy(raw: &RawConfig, problems: &mut Problems) -> Policy {
    let header_limit = raw.parsed("header_limit", problems, value::size(HEADER_LIMITS)).unwrap_or(*HEADER_LIMITS.end());
    Policy {
        reject_error: raw.is_on("reject_error", problems),
        header_limit: usize::try_from(header_limit).unwrap_or(usize::MAX),
    }
}

fn sources(raw: &RawConfig, problems: &mut Problems) -> Sources {
    let file = |key| raw.text(key).map(|path| (PathBuf::from(path), place(raw, key)));
    let sources = Sources {
        sender_map: file("sender_map"),
        listid_map: file("listid_map"),
        domains: raw.text("domain").map(list).unwrap_or_default(),
        domain_place: place(raw, "domain"),
        signatures: raw.all("signature").filter_map(|entry| signature(entry, problems)).collect(),
        defaults: defaults(raw, problems),
        sign_for: raw.parsed("sign_for", problems, sign_for).unwrap_or_default(),
    };
    with_default_signature(sources, raw)
}

/// Where neither a map nor a signature is given, `dkim` is meant.
fn with_default_signature(mut sources: Sources, raw: &RawConfig) -> Sources {
    if !raw.is_written("signature") && sources.sender_map.is_none() && sources.listid_map.is_none() {
        let place = Place { key: "signature", origin: Origin::Default };
        sources.signatures.push((Item::Dkim(Default::default()), place));
    }
    sources
}

fn defaults(raw: &RawConfig, problems: &mut Problems) -> Defaults {
    let method = |key| Some((raw.text(key)?.to_owned(), place(raw, key)));
    Defaults {
        key_file: raw.text("keyfile").map(PathBuf::from),
        selector: raw.text("selector").map(str::to_owned),
        method: method("dkim_method").or_else(|| method("method")),
        domain_keys_method: method("domainkeys_method").or_else(|| method("method")),
        identity: raw.parsed("identity", problems, Template::parse),
        look: raw.parsed("layout", problems, value::one_of(LOOKS)).unwrap_or(Look::Own),
    }
}

fn signature(entry: &Entry, problems: &mut Problems) -> Option<(Item, Place)> {
    let place = Place { key: "signature", origin: entry.origin.clone() };
    match entry.value.parse() {
        Ok(item) => Some((item, place)),
        Err(error) => {
            problems.entry(entry, error);
            None
        }
    }
}

fn sign_for(text: &str) -> Result<Vec<AuthorField>, String> {
    let fields: Vec<AuthorField> =
        list(text).iter().map(|name| value::one_of(AUTHOR_FIELDS)(name)).collect::<Result<_, _>>()?;
    match fields.as_slice() {
        [] => Err("empty; from,sender or sender,from or one of them".to_owned()),
        [one, other] if one == other => {
            Err("the same field twice; from,sender or sender,from or one of them".to_owned())
        }
        [_] | [_, _] => Ok(fields),
        _ => Err("more than two fields; from,sender or sender,from or one of them".to_owned()),
    }
}

/// A comma-separated list. (1.4.1 did not trim the blanks around commas, so the second name in `a, b` never matched.)
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn place(raw: &RawConfig, key: &'static str) -> Place {
    Place { key, origin: raw.origin(key) }
}

#[cfg(test)]
mod tests;
