//! What canonicalizing a body costs, next to one plain SHA-256 pass over the same octets, which no verifier can avoid.
//!
//! `cargo bench -p dkimproxy-core --bench canonicalize -- --quick`

#![allow(missing_docs, reason = "criterion's macros write public items without documentation")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use dkimproxy_core::{
    canonicalize::{Algorithm, BodyCanonicalizer},
    crypto::Sha256,
    hash::{BodyHashRequest, BodyHasher},
};
use std::hint::black_box;

/// What a session reads from its socket at once.
const CHUNK: usize = 16 * 1024;

fn canonicalize(criterion: &mut Criterion) {
    let bodies =
        [("prose 4 KiB", prose(4 * 1024)), ("prose 50 KiB", prose(50 * 1024)), ("base64 5 MB", base64(5_000_000))];
    for (name, body) in &bodies {
        let mut group = criterion.benchmark_group(*name);
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("SHA-256 alone", |bencher| bencher.iter(|| Sha256::digest(black_box(body))));
        for algorithm in [Algorithm::Simple, Algorithm::Relaxed] {
            group.bench_function(format!("{algorithm}"), |bencher| {
                bencher.iter(|| {
                    let mut canonicalizer = BodyCanonicalizer::new(algorithm);
                    for chunk in black_box(body).chunks(CHUNK) {
                        canonicalizer.update(chunk, &mut |octets| _ = black_box(octets));
                    }
                    canonicalizer.finish(&mut |octets| _ = black_box(octets));
                });
            });
            let request = BodyHashRequest::sha256(algorithm, None);
            group.bench_function(format!("{algorithm} + SHA-256"), |bencher| {
                let start = || BodyHasher::new([request]);
                bencher.iter_batched(start, |hasher| hash(hasher, black_box(body)), BatchSize::SmallInput);
            });
        }
        group.finish();
    }
}

fn hash(mut hasher: BodyHasher, body: &[u8]) -> dkimproxy_core::hash::BodyHashes {
    for chunk in body.chunks(CHUNK) {
        hasher.update(chunk);
    }
    hasher.finish()
}

/// Text that is hard for relaxed: blanks at the end of 30 % of the lines, double spaces, a TAB now and then.
fn prose(len: usize) -> Vec<u8> {
    const WORDS: [&str; 8] = ["the", "signing", "domain", "of", "a", "message", "claims", "responsibility"];
    let mut random = 1_u32;
    let mut next = move |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % below
    };
    let mut text = String::new();
    while text.len() < len {
        let end_of_line = text.len() + 60 + next(16) as usize;
        while text.len() < end_of_line {
            text.extend(WORDS.get(next(8) as usize).copied());
            text.push_str(match next(20) {
                0 => "  ",
                1 => "\t",
                _ => " ",
            });
        }
        text.truncate(text.trim_end().len());
        text.push_str(if next(10) < 3 { " \r\n" } else { "\r\n" });
    }
    text.into_bytes()
}

/// Lines of 76 octets without white space.
fn base64(len: usize) -> Vec<u8> {
    let alphabet = (b'A'..=b'Z').chain(b'a'..=b'z').cycle();
    let line: Vec<u8> = alphabet.take(76).chain(*b"\r\n").collect();
    line.iter().copied().cycle().take(len).collect()
}

criterion_group!(benches, canonicalize);
criterion_main!(benches);
