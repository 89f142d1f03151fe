//! Sees each message: verifies it, says what was found, removes what is forged.

use crate::{
    config::Config,
    examine::Examination,
    policy,
    report::{self, Overall},
    resolver::Dns,
};
use dkimproxy_auth::keys::KeyFetcher;
use dkimproxy_core::message::HeaderTooLong;
use dkimproxy_daemon::filter::{Client, Decision, Filter, MessageFilter, Reply, Transaction, Verdict};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// The filter of dkimproxy-in.
pub(crate) struct VerifyFilter {
    config: Config,
    keys: KeyFetcher<Dns>,
}

impl VerifyFilter {
    pub(crate) fn new(config: Config, keys: KeyFetcher<Dns>) -> Self {
        Self { config, keys }
    }
}

impl Filter for VerifyFilter {
    type Message = IncomingMessage;

    fn begin(self: &Arc<Self>, _client: &Client, transaction: &Transaction) -> IncomingMessage {
        IncomingMessage {
            examination: Examination::new(self.keys.clone(), self.config.policy.clone(), now()),
            smtputf8: transaction.smtputf8,
            filter: Arc::clone(self),
        }
    }
}

/// One message.
pub(crate) struct IncomingMessage {
    filter: Arc<VerifyFilter>,
    smtputf8: bool,
    examination: Examination<Dns>,
}

impl MessageFilter for IncomingMessage {
    fn chunk(&mut self, chunk: &[u8]) {
        self.examination.chunk(chunk);
    }

    async fn finish(self) -> Decision {
        let config = &self.filter.config;
        let examined = match self.examination.finish().await {
            Ok(examined) => examined,
            Err(error) => return unreadable(&error),
        };
        let verdict = match policy::refusal(config, &examined.verifications) {
            Some(reply) => Verdict::Refuse(reply),
            None => Verdict::Relay(report::edits(config, &examined, self.smtputf8)),
        };
        Decision {
            verdict,
            summary: report::summary(&Overall::of(&examined.verifications)),
            fields: report::log_fields(&examined),
            warn: false,
        }
    }
}

/// Seconds since the epoch.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Forged fields might hide in the part that is not read, so such a message must not pass.
fn unreadable(error: &HeaderTooLong) -> Decision {
    Decision {
        verdict: Verdict::Refuse(Reply::new(552, "5.3.4", "Message header too long")),
        summary: format!("DKIM verify - refused ({error})"),
        fields: Vec::new(),
        warn: true,
    }
}

#[cfg(test)]
mod tests;
