//! As much of DER as RSA and Ed25519 keys need: take them apart to learn their kind and size, and put a public key
//! together for a key record.

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// AlgorithmIdentifier of RSA: rsaEncryption (1.2.840.113549.1.1.1) with NULL parameters.
const RSA_ENCRYPTION: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// The object identifier alone, as it stands in front of the parameters.
const RSA_OID: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// id-Ed25519 (1.3.101.112, RFC 8410).
const ED25519_OID: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];
/// All of a PKCS#8 Ed25519 key (RFC 8410 section 7) but the 32 octets of the seed that follow.
const ED25519_PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// What an RSA key is made of, as unsigned big-endian numbers without leading zeros.
#[derive(Clone, Copy)]
pub(super) struct RsaNumbers<'a> {
    pub(super) modulus: &'a [u8],
    pub(super) exponent: &'a [u8],
}

impl RsaNumbers<'_> {
    /// Length of the modulus in bits.
    pub(super) fn bits(&self) -> usize {
        let spare = self.modulus.first().map_or(0, |octet| octet.leading_zeros() as usize);
        self.modulus.len() * 8 - spare
    }

    /// SubjectPublicKeyInfo, the form in which key records are published.
    pub(super) fn subject_public_key_info(&self) -> Vec<u8> {
        let key = element(SEQUENCE, &[unsigned(self.modulus), unsigned(self.exponent)].concat());
        let bits = element(BIT_STRING, &[&[0], key.as_slice()].concat());
        element(SEQUENCE, &[&RSA_ENCRYPTION, bits.as_slice()].concat())
    }
}

/// A private key in DER: which kind, and the inner octets that the library takes.
pub(super) enum PrivateKeyDer<'a> {
    /// RSAPrivateKey of PKCS#1, alone or out of PKCS#8.
    Rsa { pkcs1: &'a [u8], numbers: RsaNumbers<'a> },
    /// The whole of the PKCS#8 structure.
    Ed25519 { pkcs8: &'a [u8] },
}

/// Takes apart PKCS#1 and PKCS#8, whichever it is.
pub(super) fn private_key(der: &[u8]) -> Option<PrivateKeyDer<'_>> {
    let (fields, []) = expect(SEQUENCE, der)? else { return None };
    let (_version, fields) = expect(INTEGER, fields)?;
    let Some((algorithm, fields)) = expect(SEQUENCE, fields) else {
        return rsa_private_key(der);
    };
    if algorithm.starts_with(&RSA_OID) {
        let (pkcs1, _attributes) = expect(OCTET_STRING, fields)?;
        return rsa_private_key(pkcs1);
    }
    algorithm.starts_with(&ED25519_OID).then_some(PrivateKeyDer::Ed25519 { pkcs8: der })
}

fn rsa_private_key(pkcs1: &[u8]) -> Option<PrivateKeyDer<'_>> {
    let (fields, []) = expect(SEQUENCE, pkcs1)? else { return None };
    let (_version, fields) = expect(INTEGER, fields)?;
    let (numbers, _private) = rsa_numbers(fields)?;
    Some(PrivateKeyDer::Rsa { pkcs1, numbers })
}

/// The RSAPublicKey (PKCS#1) in SubjectPublicKeyInfo, or `der` itself if it is one already: erratum 3017 to RFC 6376
/// says that both are found in p=.
pub(super) fn rsa_public_key(der: &[u8]) -> Option<(&[u8], RsaNumbers<'_>)> {
    let (fields, []) = expect(SEQUENCE, der)? else { return None };
    let Some((algorithm, fields)) = expect(SEQUENCE, fields) else {
        let (numbers, []) = rsa_numbers(fields)? else { return None };
        return Some((der, numbers));
    };
    let (bits, []) = expect(BIT_STRING, fields)? else { return None };
    let (0, pkcs1) = bits.split_first().map(|(unused, rest)| (*unused, rest))? else { return None };
    let (fields, []) = expect(SEQUENCE, pkcs1)? else { return None };
    let (numbers, []) = rsa_numbers(fields)? else { return None };
    algorithm.starts_with(&RSA_OID).then_some((pkcs1, numbers))
}

/// A PKCS#8 structure around an Ed25519 seed, in the version 1 form that OpenSSL writes and everybody reads.
pub(super) fn ed25519_pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    [ED25519_PKCS8.as_slice(), seed].concat()
}

fn rsa_numbers(fields: &[u8]) -> Option<(RsaNumbers<'_>, &[u8])> {
    let (modulus, fields) = expect(INTEGER, fields)?;
    let (exponent, rest) = expect(INTEGER, fields)?;
    Some((RsaNumbers { modulus: positive(modulus)?, exponent: positive(exponent)? }, rest))
}

/// The digits of a number above zero; None for the others, which no key has.
fn positive(integer: &[u8]) -> Option<&[u8]> {
    match integer {
        [0, digits @ ..] if digits.first().is_some_and(|first| *first != 0) => Some(digits),
        [1..=0x7f, ..] => Some(integer),
        _ => None,
    }
}

/// The content of the element at the start of `der`, if it has that tag, and what follows it.
fn expect(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = length(rest)?;
    (*found == tag).then(|| rest.split_at_checked(length))?
}

/// A length, in the short form or in the long one of up to three octets (16 MiB; no key comes near).
fn length(der: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = der.split_first()?;
    match first {
        0..=0x7f => Some((usize::from(*first), rest)),
        0x81..=0x83 => {
            let (octets, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            Some((octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest))
        }
        _ => None,
    }
}

fn unsigned(digits: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if digits.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, digits].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut element = vec![tag];
    match content.len() {
        length @ 0..=0x7f => element.push(length as u8),
        length => {
            let octets = length.to_be_bytes();
            let digits =
                octets.iter().position(|octet| *octet != 0).map_or(&octets[..0], |first| octets.split_at(first).1);
            element.push(0x80 | digits.len() as u8);
            element.extend_from_slice(digits);
        }
    }
    element.extend_from_slice(content);
    element
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_has_two_forms() {
        for (der, expected) in [
            (&[0x05][..], Some(5)),
            (&[0x81, 0x80], Some(128)),
            (&[0x82, 0x01, 0x00], Some(256)),
            (&[0x80], None),             // indefinite: BER
            (&[0x82, 0x01], None),       // cut off
            (&[0x84, 0, 0, 0, 1], None), // absurd
            (&[], None),
        ] {
            assert_eq!(length(der).map(|(length, _)| length), expected, "{der:x?}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for size in [128, 129, 256, 512] {
            let modulus = vec![0xc5; size];
            let numbers = RsaNumbers { modulus: &modulus, exponent: &[1, 0, 1] };
            let der = numbers.subject_public_key_info();
            let (_, read) = rsa_public_key(&der).unwrap();
            assert_eq!((read.modulus, read.exponent, read.bits()), (modulus.as_slice(), &[1, 0, 1][..], size * 8));
        }
    }

    #[test]
    fn cut_or_lengthened_keys_are_refused() {
        let der = RsaNumbers { modulus: &[0xc5; 128], exponent: &[1, 0, 1] }.subject_public_key_info();
        for end in 0..der.len() {
            assert!(rsa_public_key(&der[..end]).is_none(), "cut at {end}");
        }
        assert!(rsa_public_key(&[der, vec![0]].concat()).is_none());
    }

    #[test]
    fn numbers_are_above_zero() {
        for integer in [&[][..], &[0], &[0, 0, 5], &[0x80, 1]] {
            assert!(positive(integer).is_none(), "{integer:x?}");
        }
    }
}
