//! The EHLO reply: what the relay offers, cut to what we can carry (RFC 5321 section 4.1.1.1).
