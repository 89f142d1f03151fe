//! Private keys as administrators have them.

#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use common::{file, signing_key};
use dkimproxy_core::key::{KeyRecord, SigningAlgorithm, SigningKey, SigningKeyError};

fn read(text: &str) -> Result<(SigningAlgorithm, usize), SigningKeyError> {
    SigningKey::from_pem(text.as_bytes()).map(|key| (key.algorithm(), key.bits()))
}

fn pem(name: &str) -> String {
    String::from_utf8(file(&format!("keys/{name}.pem"))).unwrap()
}

const RSA_2048: Result<(SigningAlgorithm, usize), SigningKeyError> = Ok((SigningAlgorithm::RsaSha256, 2048));

#[test]
fn what_is_read() {
    for (name, bits) in [
        ("rsa1024", 1024),
        ("rsa1024-pkcs1", 1024),
        ("rsa2048", 2048),
        ("rsa2048-pkcs1", 2048),
        ("rsa2048-exponent3", 2048),
        ("rsa2500", 2500),
        ("rsa3072", 3072),
        ("rsa4096", 4096),
    ] {
        assert_eq!(read(&pem(name)), Ok((SigningAlgorithm::RsaSha256, bits)), "{name}");
    }
    assert_eq!(read(&pem("ed25519")), Ok((SigningAlgorithm::Ed25519Sha256, 256)));
}

#[test]
fn both_forms_are_one_key() {
    for name in ["rsa1024", "rsa2048"] {
        assert_eq!(signing_key(name).record(), signing_key(&format!("{name}-pkcs1")).record());
    }
    assert!(
        signing_key("rsa2048").record().starts_with("v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA")
    );
}

#[test]
fn what_stands_around_and_how_lines_end_does_not_matter() {
    let plain = pem("rsa2048");
    for text in [
        plain.replace('\n', "\r\n"),
        plain.replace('\n', " \t\n"),
        plain.replace('\n', "\n\n"),
        plain.trim_end().to_owned(),
        format!("\u{feff}{plain}"),
        format!("RSA Private-Key: (2048 bit)\nmodulus:\n    00:ab\n{plain}\ntrailing text\n"),
        format!("{}{plain}", pem("certificate")),
        format!("{}{plain}", pem("rsa2048-public")),
        format!("{plain}{}", pem("encrypted-pkcs8")),
        plain.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
        pem("rsa2048-pkcs1").replace("RSA PRIVATE KEY", "PRIVATE KEY"),
        plain.replace("-----", "---"),
        plain.lines().filter(|line| !line.starts_with("---")).collect::<Vec<_>>().join("\n"),
    ] {
        assert_eq!(read(&text), RSA_2048, "{text}");
    }
}

#[test]
fn what_is_refused_and_why() {
    let nothing = |found| Err(SigningKeyError::NoPrivateKey { found });
    for (text, expected) in [
        (String::new(), nothing("nothing in PEM form")),
        ("keyfile /etc/dkim.key\n".to_owned(), nothing("nothing in PEM form")),
        (pem("rsa2048-public"), nothing("a public key")),
        (pem("certificate"), nothing("a certificate")),
        (pem("request"), nothing("a certificate request")),
        (pem("openssh"), nothing("an OpenSSH private key")),
        (pem("ec-sec1"), nothing("an EC private key")),
        (pem("ec-pkcs8"), Err(SigningKeyError::Malformed)),
        (pem("x25519"), Err(SigningKeyError::Malformed)),
        (pem("encrypted-pkcs8"), Err(SigningKeyError::Encrypted)),
        (pem("encrypted-pkcs1"), Err(SigningKeyError::Encrypted)),
        (pem("rsa2048").lines().take(20).collect::<Vec<_>>().join("\n"), Err(SigningKeyError::Malformed)),
        (pem("rsa2048").replacen("MIIE", "MII*", 1), Err(SigningKeyError::Malformed)),
        (pem("rsa512"), Err(SigningKeyError::Size { bits: 512 })),
        (pem("rsa5120"), Err(SigningKeyError::Size { bits: 5120 })),
    ] {
        assert_eq!(read(&text), expected, "{text}");
    }
}

/// A damaged number in the key, found by checking that the parts fit together.
#[test]
fn a_key_whose_parts_do_not_fit_is_refused() {
    for name in ["rsa1024", "rsa2048"] {
        let mut lines: Vec<_> = pem(name).lines().map(str::to_owned).collect();
        lines.swap(7, 8); // within the private numbers
        assert_eq!(read(&lines.join("\n")), Err(SigningKeyError::Malformed), "{name}");
    }
}

#[test]
fn what_is_made_can_be_read_again_and_published() {
    let made = [
        SigningKey::generate_rsa(1024).unwrap(),
        SigningKey::generate_rsa(2048).unwrap(),
        SigningKey::generate_ed25519().unwrap(),
    ];
    for (key, pem) in made {
        assert_eq!(SigningKey::from_pem(pem.as_str().as_bytes()).unwrap().record(), key.record());
        assert!(pem.as_str().lines().all(|line| line.len() <= 64));
        let record = KeyRecord::parse(key.record().as_bytes()).unwrap();
        assert_eq!((record.algorithm(), record.bits()), (key.algorithm(), key.bits()));
    }
    assert_eq!(SigningKey::generate_rsa(512).err(), Some(SigningKeyError::Size { bits: 512 }));
    assert_eq!(SigningKey::generate_rsa(8192).err(), Some(SigningKeyError::Size { bits: 8192 }));
}
