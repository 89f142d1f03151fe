//! Sees each message: verifies it, says what was found, removes what is forged, and does what the policy table asks for.

use crate::{
    config::Config,
    envelope::Envelope,
    examine::{Examination, Examined},
    policy::{self, Judgement},
    report::{self, Overall},
    resolver::Dns,
};
use dkimproxy_auth::{authenticate::Authenticator, dns::Statistics};
use dkimproxy_core::message::HeaderTooLong;
use dkimproxy_daemon::filter::{Client, Decision, Filter, MessageFilter, Reply, Transaction, Verdict};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// The filter of dkimproxy-in.
pub(crate) struct VerifyFilter {
    config: Arc<Config>,
    authenticator: Authenticator<Dns>,
}

impl VerifyFilter {
    pub(crate) fn new(config: Config, authenticator: Authenticator<Dns>) -> Self {
        Self { config: Arc::new(config), authenticator }
    }
}

/// At a stop, and at a reload when the last message of before is through.
impl Drop for VerifyFilter {
    fn drop(&mut self) {
        let Statistics { questions, hits, stale, failures, time } = self.authenticator.statistics();
        if questions > 0 {
            let waited = time.as_millis();
            tracing::info!(
                "DNS since the last start or reload: {questions} questions, {hits} answered from memory, {stale} of them \
                 out of date, {failures} failures, {waited} ms in all"
            );
        }
    }
}

impl Filter for VerifyFilter {
    type Message = IncomingMessage;

    fn begin(self: &Arc<Self>, client: &Client, transaction: &Transaction) -> IncomingMessage {
        let envelope = Envelope::new(client, transaction, &self.config.clients);
        let config = Arc::clone(&self.config);
        IncomingMessage {
            examination: Examination::new(self.authenticator.clone(), config.clone(), envelope, now()),
            config,
        }
    }
}

/// One message.
pub(crate) struct IncomingMessage {
    config: Arc<Config>,
    examination: Examination<Dns>,
}

impl MessageFilter for IncomingMessage {
    fn chunk(&mut self, chunk: &[u8]) {
        self.examination.chunk(chunk);
    }

    async fn finish(self) -> Decision {
        match self.examination.finish().await {
            Ok(examined) => decide(&self.config, &examined),
            Err(error) => unreadable(&error),
        }
    }
}

fn decide(config: &Config, examined: &Examined) -> Decision {
    let dry_run = config.actions.dry_run;
    let mut judgement = policy::judge(&config.actions, &examined.facts());
    if dry_run {
        judgement.fields.clear();
    }
    let fields = report::log_fields(examined, &judgement, dry_run);
    let verdict = match judgement {
        Judgement { refusal: Some(refusal), .. } if !dry_run => Verdict::Refuse(refusal.reply),
        judgement => Verdict::Relay(report::edits(config, examined, &judgement)),
    };
    Decision { verdict, summary: report::summary(&Overall::of(&examined.dkim())), fields, warn: false }
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
