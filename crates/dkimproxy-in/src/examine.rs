//! Verifies one message as it streams in.

use crate::resolver::AbortOnDrop;
use dkimproxy_auth::{dns::Resolver, keys::KeyFetcher};
use dkimproxy_core::{
    hash::BodyHasher,
    header::Header,
    key::Keys,
    message::{HeaderTooLong, MessageReader},
    verify::{Verification, Verifier, VerifyPolicy},
};
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Longest header section that is read, in octets. Postfix stops at 100 KiB.
const MAX_HEADER: usize = 512 * 1024;

/// A message of which the end has not come yet.
pub(crate) struct Examination<R> {
    keys: KeyFetcher<R>,
    policy: VerifyPolicy,
    now: u64,
    reader: MessageReader,
    /// From the end of the header on.
    work: Option<Work>,
}

/// What verifying needs, from the end of the header on.
struct Work {
    header: Arc<Header>,
    verifier: Verifier,
    body: BodyHasher,
    lookup: Option<Lookup>,
}

/// The questions to DNS, under way.
struct Lookup {
    task: JoinHandle<Keys>,
    _end_with_us: AbortOnDrop,
}

/// A message and what was found about it.
pub(crate) struct Examined {
    pub(crate) header: Arc<Header>,
    /// One per signature, top to bottom.
    pub(crate) verifications: Vec<Verification>,
}

impl<R: Resolver> Examination<R> {
    /// `now`: the time of receipt, in seconds since the epoch.
    pub(crate) fn new(keys: KeyFetcher<R>, policy: VerifyPolicy, now: u64) -> Self {
        Self { keys, policy, now, reader: MessageReader::new(MAX_HEADER), work: None }
    }

    /// Takes the next octets. Within a tokio runtime: DNS is asked as soon as the header is complete.
    pub(crate) fn chunk(&mut self, chunk: &[u8]) {
        // An error is repeated by `finish`.
        let Ok(body) = self.reader.push(chunk) else { return };
        if self.work.is_none()
            && let Some(header) = self.reader.header()
        {
            self.work = Some(self.begin(header.clone()));
        }
        if let Some(work) = &mut self.work {
            work.body.update(body);
        }
    }

    /// The message is complete: waits for DNS and verifies.
    pub(crate) async fn finish(mut self) -> Result<Examined, HeaderTooLong> {
        let header = self.reader.finish()?.clone();
        let work = self.work.take().unwrap_or_else(|| self.begin(header));
        let keys = match work.lookup {
            // Keys that are missing count as unavailable.
            Some(lookup) => lookup.task.await.unwrap_or_default(),
            None => Keys::default(),
        };
        Ok(Examined { header: work.header, verifications: work.verifier.finish(&work.body.finish(), &keys) })
    }

    fn begin(&self, header: Arc<Header>) -> Work {
        let verifier = Verifier::new(header.clone(), &self.policy, self.now);
        let names = verifier.key_names();
        let lookup = (!names.is_empty()).then(|| {
            let keys = self.keys.clone();
            let task = tokio::spawn(async move { keys.fetch(names).await });
            Lookup { _end_with_us: AbortOnDrop(task.abort_handle()), task }
        });
        Work { header, body: verifier.body_hasher(), verifier, lookup }
    }
}
