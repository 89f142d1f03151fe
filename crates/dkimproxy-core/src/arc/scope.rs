//! What a seal signs (section 5.1.1): the fields of all sets up to its own, in relaxed form, whoever asks - a verifier
//! now, a sealer some day. (A seal with cv=fail would cover its own set only, section 5.1.2: a scope that begins there.)

use crate::canonicalize::{Algorithm, header_field, signature_field};

/// The canonical text of sets, oldest first. Each field is canonicalized once, however many seals cover it.
#[derive(Debug, Default)]
pub(super) struct Scope {
    text: Vec<u8>,
    /// Where each seal belongs in `text`.
    seals: Vec<usize>,
}

impl Scope {
    /// Begins the next set. Fields are given raw.
    pub(super) fn push_set(&mut self, results: &[u8], message_signature: &[u8]) {
        header_field(Algorithm::Relaxed, results, &mut self.text);
        header_field(Algorithm::Relaxed, message_signature, &mut self.text);
        self.seals.push(self.text.len());
    }

    /// Completes the set, so that another may follow.
    pub(super) fn push_seal(&mut self, seal: &[u8]) {
        header_field(Algorithm::Relaxed, seal, &mut self.text);
    }

    /// The octets that the seal of a set signs; sets are counted from 0. `unsigned` is that seal with an empty b= and
    /// without its CRLF.
    pub(super) fn input(&self, set: usize, unsigned: &[u8]) -> Option<Vec<u8>> {
        let mut input = self.text.get(..*self.seals.get(set)?)?.to_vec();
        signature_field(Algorithm::Relaxed, unsigned, &mut input);
        Some(input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ac9_a_seal_covers_all_sets_up_to_its_own() {
        let mut scope = Scope::default();
        for i in 1..=2 {
            scope.push_set(format!("AAR:  i={i}\r\n").as_bytes(), format!("Ams : i={i}\r\n").as_bytes());
            scope.push_seal(format!("AS: i={i};\r\n\tb=x\r\n").as_bytes());
        }
        let input = |set, unsigned: &str| {
            scope.input(set, unsigned.as_bytes()).map(|octets| String::from_utf8(octets).unwrap())
        };
        assert_eq!(input(0, "AS: i=1;\r\n\tb=").unwrap(), "aar:i=1\r\nams:i=1\r\nas:i=1; b=");
        let newest = "aar:i=1\r\nams:i=1\r\nas:i=1; b=x\r\naar:i=2\r\nams:i=2\r\nas:i=2; b=";
        assert_eq!(input(1, "AS: i=2;\r\n\tb=").unwrap(), newest);
        assert_eq!(input(2, ""), None);
    }
}
