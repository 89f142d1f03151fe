//! One message for the human reader.

use super::Finding;
use dkimproxy_core::verify::{DkimResult, Verification};
use dkimproxy_daemon::log::escape;
use std::fmt::Write;

/// What was found, signature by signature, then the field as the daemon would write it.
pub(super) fn report(finding: &Finding<'_>) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write_report(&mut out, finding);
    out
}

fn write_report(out: &mut String, finding: &Finding<'_>) -> std::fmt::Result {
    let found = &finding.examined.verifications;
    let passing = found.iter().filter(|found| found.result() == DkimResult::Pass).count();
    let name = finding.file.to_string_lossy();
    let count = match found.len() {
        0 => "not signed".to_owned(),
        1 => "1 signature".to_owned(),
        many => format!("{many} signatures, {passing} of them good"),
    };
    writeln!(out, "{}: {count}", escape(name.as_bytes()))?;
    if finding.converted {
        writeln!(out, "  (LF line ends, read as CRLF; --raw takes them as they are)")?;
    }
    for signature in found {
        write_signature(out, signature)?;
    }
    let field = String::from_utf8_lossy(&finding.results().field()).replace("\r\n", "\n");
    write!(out, "\n{field}")
}

fn write_signature(out: &mut String, found: &Verification) -> std::fmt::Result {
    let mark = if found.result() == DkimResult::Pass { '\u{2714}' } else { '\u{2718}' };
    let domain = found.domain.as_ref().map_or("(no readable domain)", |domain| domain.as_str());
    writeln!(out, "  {mark} {:<9} {domain}", found.result().as_str())?;
    if let Err(error) = &found.outcome {
        writeln!(out, "      because   {}", escape(error.to_string().as_bytes()))?;
    }
    if let (Some(selector), Some(domain)) = (&found.selector, &found.domain) {
        writeln!(out, "      key at    {selector}._domainkey.{domain}")?;
    }
    if let Some(algorithm) = &found.algorithm {
        let bits = found.key_bits.map_or(String::new(), |bits| format!(", {bits}-bit key"));
        writeln!(out, "      algorithm {algorithm}{bits}")?;
    }
    if let Some(identity) = &found.identity {
        writeln!(out, "      identity  {identity}")?;
    }
    if found.testing {
        writeln!(out, "      note      the domain says it is testing (t=y)")?;
    }
    if found.uncovered > 0 {
        writeln!(out, "      note      {} octets of the body are not signed (l=)", found.uncovered)?;
    }
    Ok(())
}
