//! The recordings of DKIMproxy 1.4.1 at work (`dkimproxy-samples`): with `layout dkimproxy1` each octet is the same, but for
//! rsa-sha1, which nobody may make any more.
//!
//! The folder is named by the environment variable DKIMPROXY_SAMPLES, `../shared/reference/dkimproxy-samples` beside the
//! repository by default.

use integration_tests::{
    client::Client,
    daemon::Daemon,
    programs,
    sink::{Manners, Sink},
};
use std::{env, fs, path::PathBuf};

/// Sample, flags beside those recorded, sample with the octets that are to come out, reason of a difference.
const SAMPLES: &[(&str, &[&str], &str, &str)] = &[
    ("sign_sha256", &[], "sign_sha256", ""),
    ("sign_relaxedrelaxed_i", &[], "sign_relaxedrelaxed_i", ""),
    ("sign_domainkeys", &[], "sign_domainkeys", ""),
    ("sign_default", &["--method=relaxed"], "sign_sha256", "rsa-sha1 becomes rsa-sha256: RFC 8301 section 3.1"),
    ("sign_two", &[], "sign_sha256 sign_domainkeys", "rsa-sha1 becomes rsa-sha256: RFC 8301 section 3.1"),
];

fn folder() -> Option<PathBuf> {
    let named = env::var_os("DKIMPROXY_SAMPLES").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| programs::repository().join("../shared/reference/dkimproxy-samples"));
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: the recordings: there is no folder {}", folder.display());
    None
}

/// The recorded flags, key files found, without the two addresses.
fn flags(folder: &std::path::Path, sample: &str) -> Vec<String> {
    let command = fs::read_to_string(folder.join(sample).join("cmd")).expect("a recording");
    let flags = command.split_whitespace().filter(|word| word.starts_with("--"));
    flags.map(|flag| flag.replace("--keyfile=", &format!("--keyfile={}/", folder.display()))).collect()
}

/// What stands before the message: the signatures.
fn signatures(folder: &std::path::Path, sample: &str) -> Vec<u8> {
    let (output, input) = (read(folder, sample, "output.eml"), read(folder, sample, "input.eml"));
    let input = input.strip_suffix(b".\r\n").unwrap_or(&input);
    let signatures = output.strip_suffix(input).expect("the original changed nothing but the top");
    signatures.to_vec()
}

fn read(folder: &std::path::Path, sample: &str, file: &str) -> Vec<u8> {
    let path = folder.join(sample).join(file);
    let octets = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    octets.strip_suffix(b".\r\n").map(<[u8]>::to_vec).unwrap_or(octets)
}

/// What the sink gets for the recorded message.
fn sent(folder: &std::path::Path, sample: &str, more: &[&str]) -> (Vec<u8>, String) {
    let sink = Sink::start(Manners::default());
    let mut arguments = flags(folder, sample);
    arguments.extend(more.iter().map(|&flag| flag.to_owned()));
    arguments.extend(["--listen=127.0.0.1:0".to_owned(), format!("--relay={}", sink.addr())]);
    let daemon = Daemon::start("dkimproxy-out", &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let mut client = Client::hello(daemon.addr());
    client.command("MAIL FROM:<a@example.org>", "250");
    client.command("RCPT TO:<b@example.net>", "250");
    client.command("DATA", "354");
    // The recording is mail data as they were sent, with dots doubled.
    client.send(read(folder, sample, "input.eml"));
    client.send(".\r\n");
    client.expect("250");
    let log = daemon.line_with("DKIM signing - ");
    (sink.messages(1).remove(0).raw, log)
}

#[test]
fn the_octets_are_those_of_the_original() {
    let Some(folder) = folder() else { return };
    for (sample, more, expected, reason) in SAMPLES {
        let (found, _) = sent(&folder, sample, &[more, &["--layout=dkimproxy1"][..]].concat());
        let mut whole: Vec<u8> = expected.split(' ').flat_map(|sample| signatures(&folder, sample)).collect();
        whole.extend(read(&folder, sample, "input.eml"));
        assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&whole), "{sample} ({reason})");
        if reason.is_empty() {
            assert_eq!(sample, expected, "a difference without a reason");
        }
    }
}

#[test]
fn without_the_layout_the_message_is_the_same_and_the_signature_is_ours() {
    let Some(folder) = folder() else { return };
    let (found, _) = sent(&folder, "sign_sha256", &[]);
    let input = read(&folder, "sign_sha256", "input.eml");
    let top = found.strip_suffix(input.as_slice()).expect("nothing but the top has changed");
    let top = String::from_utf8_lossy(top);
    assert!(top.starts_with("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=s1;"), "{top}");
    assert!(top.contains("h=from:from:"), "{top}");
    assert!(top.lines().all(|line| line.len() <= 78), "{top}");
}

#[test]
fn the_log_line_begins_as_it_did() {
    let Some(folder) = folder() else { return };
    for sample in ["sign_sha256", "sign_relaxedrelaxed_i", "sign_domainkeys", "sign_two", "sign_default"] {
        let recorded = fs::read_to_string(folder.join(sample).join("stderr")).expect("a recording");
        let recorded = recorded.lines().find(|line| line.starts_with("DKIM signing - ")).expect("a log line");
        let (_, log) = sent(&folder, sample, &[]);
        assert!(log.contains(&format!("{recorded}, rule=")), "{sample}: {log} does not go on from {recorded}");
    }
}
