//! `dkimproxy-out genkey`: makes a private key and shows what to publish for it.

use anyhow::{Context, bail};
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser, value_parser};
use dkimproxy_core::{
    domain::{DomainName, Selector},
    key::{KeyName, PrivateKeyPem, SigningKey},
};
use dkimproxy_daemon::config::RawConfig;
use std::{
    fmt::Write as _,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// A character-string of a TXT record holds no more (RFC 1035 section 3.3).
const MAX_STRING: usize = 255;

/// How the tool is called.
pub(super) fn command() -> Command {
    Command::new("genkey")
        .about("Make a private key and show the DNS record for it")
        .long_about(
            "Makes a private key, writes it to --out-file with mode 0600, and prints the key record as text for a \
             zone file, as one line for web panels, and the sender_map line that uses the key. --domain is needed; \
             without --selector the selector is dkim.\n\n\
             An existing file is left alone unless --force is given.",
        )
        .arg(
            Arg::new("type")
                .long("type")
                .value_name("TYPE")
                .value_parser(PossibleValuesParser::new(["rsa", "ed25519"]))
                .default_value("rsa")
                .help("Kind of key; sign with rsa as well where you use ed25519, since not every receiver knows it"),
        )
        .arg(
            Arg::new("bits")
                .long("bits")
                .value_name("BITS")
                .value_parser(value_parser!(u16).range(1024..=4096))
                .default_value("2048")
                .help("Length of an RSA key: 1024 to 4096"),
        )
        .arg(
            Arg::new("out-file")
                .short('o')
                .long("out-file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("Where to write the private key"),
        )
        .arg(Arg::new("force").long("force").action(ArgAction::SetTrue).help("Overwrite the file if it is there"))
}

/// Makes a key.
pub(super) fn run(matches: &ArgMatches, raw: &RawConfig) -> anyhow::Result<ExitCode> {
    let name = key_name(raw)?;
    let path = matches.get_one::<PathBuf>("out-file").context("--out-file is missing")?;
    let force = matches.get_flag("force");
    if path.exists() && !force {
        bail!("{} exists already; choose another name, or overwrite it with --force", path.display());
    }
    let (key, pem) = generate(matches)?;
    save(path, &pem, force)?;
    io::stdout().lock().write_all(explain(&name, &key, path).as_bytes()).context("cannot write")?;
    Ok(ExitCode::SUCCESS)
}

fn key_name(raw: &RawConfig) -> anyhow::Result<KeyName> {
    let domain = raw.text("domain").context("--domain is missing: for which domain is the key?")?;
    let selector = raw.text("selector").unwrap_or("dkim");
    Ok(KeyName {
        domain: DomainName::new(domain).with_context(|| format!("--domain \"{domain}\""))?,
        selector: Selector::new(selector).with_context(|| format!("--selector \"{selector}\""))?,
    })
}

fn generate(matches: &ArgMatches) -> anyhow::Result<(SigningKey, PrivateKeyPem)> {
    if matches.get_one::<String>("type").is_some_and(|kind| kind == "ed25519") {
        return SigningKey::generate_ed25519().context("cannot make an Ed25519 key");
    }
    let bits = matches.get_one::<u16>("bits").copied().unwrap_or(2048);
    SigningKey::generate_rsa(bits.into()).context("cannot make an RSA key")
}

/// The file is there as a whole or not at all, and never readable for others (a temporary file is made with mode 0600).
fn save(path: &Path, pem: &PrivateKeyPem, force: bool) -> anyhow::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(pem.as_str().as_bytes())?;
        file.as_file().sync_all()?;
        let saved = if force { file.persist(path) } else { file.persist_noclobber(path) };
        saved.map(drop).map_err(|error| error.error)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

fn explain(name: &KeyName, key: &SigningKey, path: &Path) -> String {
    let record = key.record();
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "The private key ({algorithm}, {bits} bits) is in {path}; only you can read it. Give it to the user that the \
         daemon runs as.\n\n\
         For a zone file:\n\n{zone}\n\n\
         For a web panel, one TXT record:\n\n  name:  {name}\n  value: {record}\n\n\
         For sender_map, once the record can be seen in DNS:\n\n{domain} dkim(s={selector},key={path})\n",
        algorithm = key.algorithm(),
        bits = key.bits(),
        path = path.display(),
        zone = zone_record(name, &record),
        domain = name.domain,
        selector = name.selector,
    );
    text
}

/// The record as zone-file text (RFC 1035 section 5.1), in strings of at most 255 octets.
fn zone_record(name: &KeyName, record: &str) -> String {
    let strings: Vec<String> =
        record.as_bytes().chunks(MAX_STRING).map(|chunk| format!("\"{}\"", String::from_utf8_lossy(chunk))).collect();
    match strings.as_slice() {
        [one] => format!("{name}. IN TXT {one}"),
        several => format!("{name}. IN TXT (\n  {} )", several.join("\n  ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn name() -> KeyName {
        KeyName { domain: DomainName::new("example.org").unwrap(), selector: Selector::new("s1").unwrap() }
    }

    #[test]
    fn zone_records_are_cut_at_255_octets() {
        assert_eq!(zone_record(&name(), "v=DKIM1; p=x"), "s1._domainkey.example.org. IN TXT \"v=DKIM1; p=x\"");
        let long = "a".repeat(256);
        let expected = format!("s1._domainkey.example.org. IN TXT (\n  \"{}\"\n  \"a\" )", "a".repeat(255));
        assert_eq!(zone_record(&name(), &long), expected);
    }

    #[test]
    fn keys_are_written_for_their_owner_only_and_never_over_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key.pem");
        let (key, pem) = SigningKey::generate_ed25519().unwrap();
        save(&path, &pem, false).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(SigningKey::from_pem(&std::fs::read(&path).unwrap()).is_ok());
        assert!(save(&path, &pem, false).is_err());
        assert!(save(&path, &pem, true).is_ok());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let text = explain(&name(), &key, &path);
        assert!(text.contains("example.org dkim(s=s1,key="), "{text}");
        assert!(!text.contains("PRIVATE"), "{text}");
    }
}
