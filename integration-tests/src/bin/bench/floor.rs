//! What no signer and no verifier can avoid: one RSA operation, and one SHA-256 pass over the message.

use crate::{Direction, cpu};
use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair},
};
use std::{hint::black_box, time::Duration};

/// About what DKIM signs: the canonical header fields.
const SIGNED: [u8; 600] = [b'x'; 600];

/// The bare operations for one message.
pub(crate) struct Floor<'a> {
    message: &'a [u8],
    direction: Direction,
    key: RsaKeyPair,
    public: ParsedPublicKey,
    signature: Vec<u8>,
}

impl<'a> Floor<'a> {
    pub(crate) fn new(message: &'a [u8], direction: Direction) -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let public =
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref()).expect("its other half");
        let signature = sign(&key);
        Self { message, direction, key, public, signature }
    }

    /// One RSA-2048 signature or verification.
    pub(crate) fn operation(&self) -> Duration {
        match self.direction {
            Direction::Out => of_each(200, || drop(black_box(sign(&self.key)))),
            Direction::In => of_each(2000, || {
                self.public.verify_sig(black_box(&SIGNED), &self.signature).expect("a good signature");
            }),
        }
    }

    /// One SHA-256 pass.
    pub(crate) fn hash(&self) -> Duration {
        let times = (20_000_000 / self.message.len()).max(1);
        of_each(times, || {
            black_box(digest::digest(&digest::SHA256, black_box(self.message)));
        })
    }
}

fn sign(key: &RsaKeyPair) -> Vec<u8> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), black_box(&SIGNED), &mut signature).expect("a signature");
    signature
}

/// CPU time of `work`, done so often.
fn of_each(times: usize, work: impl Fn()) -> Duration {
    let before = cpu::of_this_thread();
    (0..times).for_each(|_| work());
    (cpu::of_this_thread() - before) / u32::try_from(times).expect("not so often")
}
