//! Cases of SPF (RFC 7208).

use crate::suite::{Case, Finding, is_acceptable};
use dkimproxy_auth::spf::{self, Limits, Query};
use serde_json::Value;

/// check_host() for the MAIL FROM identity; the explanation is compared where the case has one.
pub(crate) fn check_host(case: &Case) -> Option<Finding> {
    let wanted = &case.expect["spf"];
    let text = |member: &str| wanted[member].as_str().unwrap_or_default();
    // Some suites test what becomes of an address that is none; that never gets as far as here.
    let ip = text("ip").parse().ok()?;
    let query = Query::mail_from(ip, text("helo"), text("mailfrom"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let found = runtime.block_on(spf::check_host(&case.zone(), &query, &Limits::default(), "receiver.example", 0));
    let explained = match &wanted["explanation"] {
        // A text of the other project's own: there is none of the domain's.
        Value::String(text) if text == "DEFAULT" => found.explanation.is_none(),
        Value::String(text) => found.explanation.as_deref() == Some(text),
        _ => true,
    };
    let result = found.result.as_str();
    Some(Finding {
        ours: result.into(),
        agrees: is_acceptable(wanted, result) && explained,
        detail: format!("{found:?}"),
    })
}
