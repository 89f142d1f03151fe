//! Which fields of an incoming message are taken out.

use super::X_FIELD_NAME;
use crate::{
    config::{Config, Remove},
    envelope::Source,
    examine::Examined,
    policy::{Action, DISPOSITION_FIELD},
};
use dkimproxy_auth::results::{FIELD_NAME, claims_to_be};
use dkimproxy_core::header::Field;
use std::ops::Range;

/// The places of these fields. They go after verification: a signature may cover one.
pub(super) fn cuts(config: &Config, examined: &Examined) -> Vec<Range<u64>> {
    let range = |field: Field<'_>| {
        let range = field.range();
        range.start as u64..range.end as u64
    };
    let which = match examined.envelope.source {
        // RFC 8601 section 5 asks to remove what "did not come directly from a trusted MTA" only.
        Source::Relay(_) => Remove::Nothing,
        Source::Client(_) | Source::Unknown | Source::Untold => config.removal.which,
    };
    examined.header.fields().filter(|field| must_go(config, which, *field)).map(range).collect()
}

fn must_go(config: &Config, which: Remove, field: Field<'_>) -> bool {
    // What begins with a blank at the top of the message would become the end of our last field.
    let begins_with_blank = field.raw().starts_with(b" ") || field.raw().starts_with(b"\t");
    if begins_with_blank && field.range().start == 0 {
        return true;
    }
    let is_results = field.name().eq_ignore_ascii_case(FIELD_NAME.as_bytes());
    let is_ours = |body| claims_to_be(&config.removal.ours, body);
    // What is neither unreadable nor ours can only be one to be kept.
    let is_kept = |body| !is_ours(body) && claims_to_be(&config.removal.keep, body);
    match which {
        Remove::Nothing => false,
        Remove::Own if is_results => is_ours(field.body()),
        Remove::All if is_results => !is_kept(field.body()),
        Remove::Own | Remove::All => is_added_by_us(config, field),
    }
}

/// Fields that have no name of ours in them. Whoever reads them believes that we wrote them.
fn is_added_by_us(config: &Config, field: Field<'_>) -> bool {
    let actions = &config.actions;
    let added = actions.rules.iter().filter_map(|rule| match &rule.action {
        Action::AddField(added) => Some(added.name.as_str()),
        Action::Accept | Action::TempFail(_) | Action::Reject(_) => None,
    });
    let disposition = actions.obey_dmarc.then_some(DISPOSITION_FIELD);
    let is_named = |name: &str| field.name().eq_ignore_ascii_case(name.as_bytes());
    added.chain(disposition).chain([X_FIELD_NAME]).any(is_named)
}
