//! From findings to a verdict: the one place where a result is acted upon.

use crate::config::Config;
use dkimproxy_core::verify::{DkimResult, Verification};
use dkimproxy_daemon::filter::Reply;

/// The reply that refuses the message, if it is to be refused.
///
/// "Cryptographic signature verification failures MUST NOT provoke 4xx SMTP replies" (RFC 6376 section 6.3). A message
/// without signature is never refused.
pub(crate) fn refusal(config: &Config, found: &[Verification]) -> Option<Reply> {
    match Standing::of(found) {
        Standing::Undecided if config.reject_error => {
            Some(Reply::new(451, "4.7.5", "Cannot fetch the DKIM public key now, please try again later"))
        }
        Standing::Wrong if config.reject_fail => Some(Reply::new(
            550,
            "5.7.20",
            "No passing DKIM signature: the message was changed on its way or its signature is not genuine",
        )),
        Standing::Undecided | Standing::Wrong | Standing::Fine => None,
    }
}

/// Where a message stands.
enum Standing {
    /// A signature passes, or nothing speaks against the message.
    Fine,
    /// No signature passes, and DNS might yet give a key for one that does.
    Undecided,
    /// No signature passes or might pass later, and one is wrong.
    Wrong,
}

impl Standing {
    fn of(found: &[Verification]) -> Self {
        let any = |result| found.iter().any(|verification| verification.result() == result);
        // RFC 6376 section 3.6.1: "Verifiers MUST NOT treat messages from Signers in testing mode differently from
        // unsigned email, even should the signature fail to verify."
        let wrong = found.iter().any(|found| found.result() == DkimResult::Fail && !found.testing);
        match () {
            () if any(DkimResult::Pass) => Self::Fine,
            () if any(DkimResult::TempError) => Self::Undecided,
            () if wrong => Self::Wrong,
            () => Self::Fine,
        }
    }
}
