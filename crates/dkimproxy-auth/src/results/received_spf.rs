//! The Received-SPF field (RFC 7208 section 9.1).

use super::write::{self, Word};
use crate::{authenticate::SpfFinding, spf::Scope};

/// The whole field with its final CRLF, folded. `receiver` is our own host name.
///
/// "MUST NOT contain invalid characters, excessive length, or malicious data": every value is a dot-atom of ASCII or a
/// quoted-string of printable ASCII, and one that is longer than any name or path can be is left out.
pub fn received_spf(finding: &SpfFinding, receiver: &str) -> Vec<u8> {
    let query = &finding.query;
    let (identity, sender) = match query.scope {
        Scope::MailFrom => ("mailfrom", Some(format!("{}@{}", query.local_part, query.domain))),
        Scope::Helo => ("helo", None),
    };
    let pairs = [
        ("identity", Some(identity.to_owned())),
        ("client-ip", Some(query.ip.to_canonical().to_string())),
        ("helo", Some(query.helo.clone())),
        ("envelope-from", sender),
        ("receiver", Some(receiver.to_owned())),
        ("problem", finding.outcome.reason.as_ref().map(ToString::to_string)),
    ];
    let pairs = pairs.into_iter().filter_map(|(key, value)| write::pair(key, &value?)).collect::<Vec<_>>();
    let last = pairs.len().saturating_sub(1);
    let ended = pairs.iter().enumerate().map(|(at, pair)| format!("{pair}{}", if at == last { "" } else { ";" }));
    let words = std::iter::once(finding.outcome.result.as_str().to_owned()).chain(ended);
    write::folded("Received-SPF:", &words.map(Word::first).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spf::{Query, SpfOutcome, SpfProblem, SpfResult};

    fn field(ip: &str, helo: &str, path: &str, receiver: &str) -> String {
        let query = Query::mail_from(ip.parse().unwrap(), helo, path);
        let reason = Some(SpfProblem::TooManyLookups);
        let outcome = SpfOutcome { result: SpfResult::PermError, explanation: None, reason };
        let field = received_spf(&SpfFinding { query, outcome }, receiver);
        String::from_utf8(field).unwrap()
    }

    #[test]
    fn sp33_values_are_dot_atoms_or_quoted() {
        assert_eq!(
            field("2001:db8::1", "[192.0.2.1]", "\"a\\\"b\"@example.org", "mx.example.org").replace("\r\n\t", " "),
            "Received-SPF: permerror identity=mailfrom; client-ip=\"2001:db8::1\"; helo=\"[192.0.2.1]\"; \
             envelope-from=\"\\\"a\\\\\\\"b\\\"@example.org\"; receiver=mx.example.org; \
             problem=\"too many DNS lookups in the SPF record\"\r\n"
        );
    }

    /// Nothing that the client says ends a line or a value, or makes a line that is too long.
    #[test]
    fn promise_7_nothing_from_the_client_gets_into_the_field_unescaped() {
        for evil in
            ["x\r\nX-Injected: yes", "x; result=pass", "x\" ; a=\"", "x\0\u{85}\u{2028}\u{202e}", &"x".repeat(5000)]
        {
            let field = field("192.0.2.1", evil, &format!("{evil}@{evil}"), evil);
            let lines: Vec<&str> = field.trim_end_matches("\r\n").split("\r\n").collect();
            assert!(lines.iter().skip(1).all(|line| line.starts_with('\t')), "{field}");
            assert!(lines.iter().all(|line| line.len() < 900 && !line.contains(['\r', '\n', '\0'])), "{field}");
            assert!(field.is_ascii());
        }
    }
}
