//! Mail data: dot decoding and encoding, strict CRLF, and the policy for bare CR and LF (RFC 5321 section 4.5.2, 2.3.8).
