//! One message for the human reader.

use super::Finding;
use crate::policy::Judged;
use dkimproxy_auth::{authenticate::Findings, author_policy::AuthorPolicy, spf::Scope};
use dkimproxy_core::verify::DkimResult;
use dkimproxy_daemon::log::escape;
use std::fmt::{self, Display, Write};

/// What was found, check by check, then the fields as the daemon would write them.
pub(super) fn report(finding: &Finding<'_>) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_report(&mut out, finding);
    out
}

fn write_report(out: &mut String, finding: &Finding<'_>) -> fmt::Result {
    let signatures = finding.examined.dkim();
    let passing = signatures.iter().filter(|judged| judged.result() == DkimResult::Pass).count();
    let name = finding.file.to_string_lossy();
    let count = match signatures.len() {
        0 => "not signed".to_owned(),
        1 => "1 signature".to_owned(),
        many => format!("{many} signatures, {passing} of them good"),
    };
    writeln!(out, "{}: {count}", escape(name.as_bytes()))?;
    if finding.converted {
        writeln!(out, "  (LF line ends, read as CRLF; --raw takes them as they are)")?;
    }
    for signature in &signatures {
        write_signature(out, signature)?;
    }
    for found in finding.examined.domainkeys.iter().flatten() {
        let domain = found.key_name.as_ref().map_or("(no readable domain)", |key| key.domain.as_str());
        check(out, "domainkeys", found.result().as_str(), domain)?;
        because(out, found.outcome.as_ref().err())?;
    }
    write_others(out, &finding.examined.findings)?;
    if let Some(policy) = &finding.examined.author_policy {
        write_policy(out, policy)?;
    }
    write_verdict(out, finding)?;
    let field = String::from_utf8_lossy(&finding.results().field()).replace("\r\n", "\n");
    write!(out, "\n{field}")
}

fn write_signature(out: &mut String, judged: &Judged<'_>) -> fmt::Result {
    let found = judged.found;
    let domain = found.domain.as_ref().map_or("(no readable domain)", |domain| domain.as_str());
    writeln!(out, "  {} {:<9} {domain}", mark(judged.result().as_str()), judged.result().as_str())?;
    if let Some(reason) = judged.reason() {
        detail(out, "because", reason)?;
    }
    if let (Some(selector), Some(domain)) = (&found.selector, &found.domain) {
        detail(out, "key at", format!("{selector}._domainkey.{domain}"))?;
    }
    if let Some(algorithm) = &found.algorithm {
        let bits = found.key_bits.map_or(String::new(), |bits| format!(", {bits}-bit key"));
        detail(out, "algorithm", format!("{algorithm}{bits}"))?;
    }
    if let Some(identity) = &found.identity {
        detail(out, "identity", identity)?;
    }
    if found.testing {
        detail(out, "note", "the domain says it is testing (t=y)")?;
    }
    if found.uncovered > 0 {
        detail(out, "note", format!("{} octets of the body are not signed (l=)", found.uncovered))?;
    }
    Ok(())
}

/// One line each: method, result, and what it is about.
fn write_others(out: &mut String, found: &Findings) -> fmt::Result {
    for spf in &found.spf {
        let scope = match spf.query.scope {
            Scope::MailFrom => "MAIL FROM",
            Scope::Helo => "HELO",
        };
        check(out, "spf", spf.outcome.result.as_str(), format!("{scope} {}", spf.query.domain))?;
        because(out, spf.outcome.reason.as_ref())?;
        if let Some(explanation) = &spf.outcome.explanation {
            detail(out, "it says", explanation)?;
        }
    }
    if let Some(dmarc) = &found.dmarc {
        let domain = dmarc.domain.as_ref().map_or(String::new(), |domain| format!("From {domain}"));
        let policy = dmarc.outcome.policy.map_or(String::new(), |policy| format!(", policy {}", policy.as_str()));
        let asked = format!(", asks for {}", dmarc.outcome.disposition.as_str());
        check(out, "dmarc", dmarc.outcome.result.as_str(), format!("{domain}{policy}{asked}"))?;
        because(out, dmarc.reason.as_ref())?;
        if let Some(sealer) = &dmarc.lifted_by {
            detail(out, "note", format!("lifted: {sealer} says by ARC that it passed there"))?;
        }
    }
    if let Some(arc) = &found.arc {
        let sealers: Vec<&str> = arc.sealers.iter().map(|sealer| sealer.as_str()).collect();
        check(out, "arc", arc.result.as_str(), sealers.join(", "))?;
        because(out, arc.failure.as_ref())?;
    }
    if let Some(iprev) = &found.iprev {
        let name = iprev.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
        check(out, "iprev", iprev.result.as_str(), format!("{}{name}", iprev.ip))?;
    }
    Ok(())
}

/// What the policies of before DMARC say.
fn write_policy(out: &mut String, policy: &AuthorPolicy) -> fmt::Result {
    writeln!(out, "  author policy result: {}", policy.author().as_str())?;
    for (domain, result) in &policy.adsp {
        detail(out, "ADSP", format!("{} {domain}", result.as_str()))?;
    }
    let Some((domain, verdict)) = &policy.sender else { return Ok(()) };
    writeln!(out, "  sender policy result: {}", verdict.as_str())?;
    detail(out, "sender", domain)
}

/// What the daemon would do, if it is more than passing the message on.
fn write_verdict(out: &mut String, finding: &Finding<'_>) -> fmt::Result {
    let judgement = finding.judgement();
    for field in &judgement.fields {
        writeln!(out, "  + field     {}: {}", field.name, field.value)?;
    }
    if let Some(refusal) = &judgement.refusal {
        let reply = String::from_utf8_lossy(refusal.reply.as_bytes()).trim_end().replace("\r\n", "\n              ");
        writeln!(out, "  {} refused   {reply}", mark("fail"))?;
    }
    if finding.config.actions.dry_run {
        writeln!(out, "  (dry_run: nothing of this is done)")?;
    }
    Ok(())
}

/// Good, bad, or nothing to say.
fn mark(result: &str) -> char {
    match result {
        "pass" => '\u{2714}',
        "none" | "neutral" => '\u{2013}',
        _ => '\u{2718}',
    }
}

fn check(out: &mut String, method: &str, result: &str, about: impl Display) -> fmt::Result {
    let line = format!("  {} {:<9} {}", mark(result), format!("{method}={result}"), visible(&about));
    writeln!(out, "{}", line.trim_end())
}

fn because(out: &mut String, reason: Option<&impl Display>) -> fmt::Result {
    reason.map_or(Ok(()), |reason| detail(out, "because", reason))
}

fn detail(out: &mut String, name: &str, value: impl Display) -> fmt::Result {
    writeln!(out, "      {name:<9} {}", visible(&value))
}

/// On a terminal as it is: neither control characters nor what turns the direction of writing around.
fn visible(text: &impl Display) -> String {
    let shown = |c: char| c == ' ' || c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric());
    text.to_string().chars().map(|c| if shown(c) { c } else { '?' }).collect()
}
