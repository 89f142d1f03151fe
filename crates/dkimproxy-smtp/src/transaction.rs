//! The envelope of one transaction, learnt from pairs of command and reply.

use crate::{path::Path, xforward::Attributes};

/// One transaction as far as it has come: what the relay has accepted.
#[derive(Debug, Clone, Default)]
pub struct Transaction {
    /// MAIL FROM: the reverse-path (empty: null sender). None before MAIL was accepted.
    pub reverse_path: Option<Path>,
    /// RCPT TO: the accepted forward-paths.
    pub recipients: Vec<Path>,
    /// The original client, from XFORWARD; empty attributes if none came.
    pub original_client: Attributes,
    /// SMTPUTF8 was asked for (RFC 6531).
    pub smtputf8: bool,
    /// BODY=8BITMIME was declared (RFC 6152).
    pub eight_bit: bool,
}
