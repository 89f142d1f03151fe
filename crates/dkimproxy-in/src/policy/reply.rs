//! The replies that refuse a message: codes by RFC 7372 and RFC 9989, texts for strangers.

use super::{Answer, Dmarc, Facts, Method, Objection, rule::Condition};
use dkimproxy_core::{domain::DomainName, verify::DkimResult};
use dkimproxy_daemon::filter::Reply;

/// The longest name or foreign text that stands in a reply, in characters.
const LONGEST: usize = 200;

const UNAUTHENTICATED: &str = "the message is neither signed by that domain nor sent from where it allows";

/// Refuses for now.
pub(super) fn temporary(answer: &Answer, method: Method, facts: &Facts<'_>) -> Reply {
    let (enhanced, text) = match method {
        Method::Dkim | Method::DomainKeys => {
            // RFC 6376 section 6.3 gives code and text: "451 4.7.5 Unable to verify signature - key server unavailable".
            ("4.7.5", "Unable to verify signature - key server unavailable; please try again later".to_owned())
        }
        Method::Spf => ("4.7.24", format!("SPF{} cannot be checked now, please try again later", of_spf_domain(facts))),
        Method::Dmarc => {
            ("4.7.1", format!("DMARC{} cannot be checked now, please try again later", of_author(facts.dmarc.as_ref())))
        }
        Method::IpRev => ("4.7.25", "The name of your address cannot be looked up now, please try again later".into()),
        // ARC has no temporary result (RFC 8617 section 5.2.1), so no rule comes here.
        Method::Arc => ("4.7.29", "The ARC chain cannot be checked now, please try again later".into()),
    };
    write(answer, 451, enhanced, &text)
}

/// Refuses.
pub(super) fn permanent(answer: &Answer, conditions: &[Condition], facts: &Facts<'_>) -> Reply {
    let (enhanced, text) = match conditions {
        [only] => of_method(only.method, facts),
        several => {
            let names: Vec<&str> = several.iter().map(|condition| condition.method.as_str()).collect();
            let names = names.join(", ").to_ascii_uppercase();
            ("5.7.26", format!("The message does not meet our requirements for authentication ({names})"))
        }
    };
    write(answer, 550, enhanced, &text)
}

/// Refuses as the domain asks by DMARC; RFC 9989 section 7.2 wants the word DMARC in the text.
pub(super) fn dmarc_policy(dmarc: &Dmarc<'_>) -> Reply {
    let text = format!("Refused by the DMARC policy{}: {UNAUTHENTICATED}", of_author(Some(dmarc)));
    write(&Answer::default(), 550, "5.7.1", &text)
}

/// Refuses as the domain asks by a policy of before DMARC; 1.4.1 answered with the same code.
pub(super) fn author_policy(domain: &DomainName, policy: &str) -> Reply {
    let text = format!("Refused by the {policy} policy of {domain}: no signature of that domain passes");
    write(&Answer::default(), 550, "5.7.1", &text)
}

/// Codes of RFC 7372 section 3, RFC 8617 section 10.5 and RFC 9989 section 7.2.
fn of_method(method: Method, facts: &Facts<'_>) -> (&'static str, String) {
    match method {
        Method::Dkim => of_dkim(facts),
        Method::DomainKeys => ("5.7.20", "No acceptable DomainKeys signature".into()),
        Method::Spf => of_spf(facts),
        Method::Dmarc => {
            let domain = of_author(facts.dmarc.as_ref());
            let failed = facts.result(Method::Dmarc) == Some("fail");
            let why = if failed { UNAUTHENTICATED } else { "we require a message that passes" };
            ("5.7.1", format!("DMARC{domain}: {why}"))
        }
        Method::Arc => ("5.7.29", "The ARC chain of the message is not acceptable".into()),
        Method::IpRev => ("5.7.25", "The name of your address does not lead back to it".into()),
    }
}

/// "No passing" (5.7.20), "no acceptable" (5.7.21) or "no valid author-matched DKIM signature found" (5.7.22).
fn of_dkim(facts: &Facts<'_>) -> (&'static str, String) {
    let objections = || facts.dkim.iter().filter_map(|judged| judged.objection);
    match super::of_message(&facts.dkim) {
        DkimResult::Policy if objections().any(|objection| objection == Objection::NotAligned) => {
            ("5.7.22", "No DKIM signature of the domain in From: that domain must sign the message".into())
        }
        DkimResult::Policy | DkimResult::Pass => {
            let why = objections().next().map_or(String::new(), |objection| format!(": {objection}"));
            ("5.7.21", format!("No acceptable DKIM signature{why}"))
        }
        DkimResult::None => ("5.7.20", "The message has no DKIM signature".into()),
        DkimResult::Fail | DkimResult::Neutral | DkimResult::TempError | DkimResult::PermError => (
            "5.7.20",
            "No passing DKIM signature: the message was changed on its way or its signature is not genuine".into(),
        ),
    }
}

fn of_spf(facts: &Facts<'_>) -> (&'static str, String) {
    let domain = of_spf_domain(facts);
    let client = facts.client.map_or_else(|| "this client".to_owned(), |client| client.to_string());
    match facts.result(Method::Spf) {
        Some("temperror" | "permerror") => ("5.7.24", format!("SPF{domain} cannot be checked: the record is faulty")),
        Some("fail" | "softfail") => {
            ("5.7.23", format!("SPF: {client} may not send mail{domain}{}", explanation(facts)))
        }
        _ => ("5.7.23", format!("SPF{domain} does not say that {client} may send mail")),
    }
}

/// A second line, which says that the text is a third party's (RFC 7208 section 6.2).
fn explanation(facts: &Facts<'_>) -> String {
    let Some(spf) = &facts.spf else { return String::new() };
    let explained =
        spf.explanation.map(|text| format!("\nThe domain {} explains: {}", one_line(spf.domain), one_line(text)));
    explained.unwrap_or_default()
}

fn of_spf_domain(facts: &Facts<'_>) -> String {
    facts.spf.as_ref().map_or(String::new(), |spf| format!(" for the domain {}", one_line(spf.domain)))
}

fn of_author(dmarc: Option<&Dmarc<'_>>) -> String {
    dmarc.and_then(|dmarc| dmarc.domain).map_or(String::new(), |domain| format!(" of {}", one_line(domain)))
}

/// Foreign text for a reply: visible ASCII, not too long.
fn one_line(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect()
}

/// What is written beats the default.
fn write(answer: &Answer, code: u16, enhanced: &str, text: &str) -> Reply {
    let enhanced = answer.enhanced.as_deref().unwrap_or(enhanced);
    Reply::new(answer.code.unwrap_or(code), enhanced, answer.text.as_deref().unwrap_or(text))
}
