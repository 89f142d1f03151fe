//! The promises that are the core's to keep.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod common;

use common::{crlf, file, keys, request, sign, sign_chunks, signing_key, verify, verify_chunks};
use dkimproxy_core::{
    canonicalize::{Algorithm, Canonicalization},
    key::SigningKey,
    sign::SigningRequest,
    verify::DkimResult,
};
use proptest::prelude::*;

const ALL: [Canonicalization; 4] = [
    Canonicalization::RELAXED,
    Canonicalization::SIMPLE,
    Canonicalization { header: Algorithm::Relaxed, body: Algorithm::Simple },
    Canonicalization { header: Algorithm::Simple, body: Algorithm::Relaxed },
];

fn requests(key: &str) -> Vec<SigningRequest> {
    ALL.iter().map(|canonicalization| request(&signing_key(key), *canonicalization)).collect()
}

/// Cuts the message at these places, given as parts of its length.
fn cut<'m>(message: &'m [u8], places: &[prop::sample::Index]) -> Vec<&'m [u8]> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(message.len() + 1)).collect();
    places.sort_unstable();
    places.push(message.len());
    let mut start = 0;
    places.into_iter().map(|end| &message[std::mem::replace(&mut start, end)..end]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn promise_4_chunk_borders_change_nothing(
        body in "([x \t]|\r\n|\r|\n){0,60}",
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let message = [&crlf("From: a@example.org\nSubject: folded\n field\n\n")[..], body.as_bytes()].concat();
        let requests = requests("ed25519");
        let fields = sign_chunks([message.as_slice()], &requests);
        prop_assert_eq!(&sign_chunks(cut(&message, &places), &requests), &fields);

        let signed = [fields.concat(), message].concat();
        let published = keys("sel", "example.org", &[&signing_key("ed25519").record()]);
        let found = verify_chunks(cut(&signed, &places), &published);
        prop_assert_eq!(found.len(), 4);
        prop_assert!(found.iter().all(|found| found.result() == DkimResult::Pass));
    }
}

#[test]
fn promise_4_octet_by_octet() {
    let message = file("vectors/rfc6376-a2.eml");
    let requests = requests("rsa1024");
    assert_eq!(sign_chunks(message.chunks(1), &requests), sign_chunks([&message[..]], &requests));
    let signed = sign(&message, &requests);
    let published = keys("sel", "example.org", &[&signing_key("rsa1024").record()]);
    let outcomes = |chunks: Vec<&[u8]>| -> Vec<_> {
        verify_chunks(chunks, &published).into_iter().map(|found| found.outcome).collect()
    };
    assert_eq!(outcomes(signed.chunks(1).collect()), outcomes(vec![&signed]));
}

/// Base64 of a key has no stretch in common with what `Debug` or an error prints.
#[test]
fn promise_6_no_private_key_in_debug_or_errors() {
    for (name, expected) in [
        ("rsa1024", "SigningKey(rsa, 1024 bits)"),
        ("rsa2048", "SigningKey(rsa, 2048 bits)"),
        ("ed25519", "SigningKey(ed25519, 256 bits)"),
    ] {
        let key = signing_key(name);
        assert_eq!(format!("{key:?}"), expected);
        let shown = format!("{:?} {:#?}", requests(name)[0], requests(name)[0]);
        assert_shows_nothing_of(name, &shown);
    }
    let (_, pem) = SigningKey::generate_ed25519().unwrap();
    assert_eq!(format!("{pem:?}"), "PrivateKeyPem");
    for name in ["rsa512", "encrypted-pkcs1", "encrypted-pkcs8", "ec-pkcs8", "ec-sec1", "openssh", "x25519"] {
        let error = SigningKey::from_pem(&file(&format!("keys/{name}.pem"))).unwrap_err();
        assert_shows_nothing_of(name, &format!("{error} {error:?}"));
    }
}

/// Of each line of the file but its labels, no eight characters in a row are shown.
fn assert_shows_nothing_of(name: &str, shown: &str) {
    let pem = String::from_utf8(file(&format!("keys/{name}.pem"))).unwrap();
    for line in pem.lines().filter(|line| !line.starts_with("---") && !line.contains(':')) {
        for part in line.as_bytes().windows(8) {
            let part = std::str::from_utf8(part).unwrap();
            assert!(!shown.contains(part), "{name}: {shown}");
        }
    }
}

#[test]
fn what_is_signed_verifies() {
    let messages = [
        "From: a@example.org\n\nHi.\n",
        "From: a@example.org\n\n",
        "From: a@example.org\n",
        "From: a@example.org\nfrom: b@example.org\nTo: x@example.net\nTo: y@example.net\n\nNo line end",
        "Received: x\nFrom : a@example.org\nSubject:\nDate: \n \nTo:\tx@example.net\n\n \n\t\n\n",
        "DKIM-Signature: broken\nFrom: a@example.org\nX-\u{fc}: \u{fc}\nSubject: \u{fc}ber\n\n\u{fc}\n",
    ];
    for name in ["rsa1024-pkcs1", "rsa2048-pkcs1", "ed25519"] {
        let published = keys("sel", "example.org", &[&signing_key(name).record()]);
        for message in messages {
            let found = verify(&sign(&crlf(message), &requests(name)), &published);
            for found in found.iter().take(4) {
                assert_eq!(found.outcome.as_ref().map(drop), Ok(()), "{name} {message:?}");
            }
        }
    }
}
